// user and credential: as much of Nuvla's as logging in with a password or an API key takes.
#pragma once

#include "api/access/password_hash.hpp"
#include "api/cimi/collection.hpp"

namespace jobengine::api::cimi {

// Users are added by administrators: {"template": {"href": "user-template/username-password",
// "username": …, "password": …}}.
class UserCollection : public Collection {
 public:
  // The hasher must outlive it.
  UserCollection(store::Store& store, access::PasswordHasher& hasher);
  awaitable<http::Response> add(Call call) override;
  // With its name and its password.
  awaitable<http::Response> remove(Call call) override;

 protected:
  nlohmann::json new_document(const Call& call, const std::string& id, WallTime now) override;
  nlohmann::json edited_document(const nlohmann::json& current, const Call& call,
                                 WallTime now) override;

 private:
  access::PasswordHasher& hasher_;
};

// API keys are made by their owner: {"template": {"href":
// "credential-template/generate-api-key"}}; the answer holds the secret, which is kept as a digest
// only.
class CredentialCollection : public Collection {
 public:
  explicit CredentialCollection(store::Store& store);
  awaitable<http::Response> add(Call call) override;

 protected:
  nlohmann::json new_document(const Call& call, const std::string& id, WallTime now) override;
  nlohmann::json edited_document(const nlohmann::json& current, const Call& call,
                                 WallTime now) override;
  std::vector<std::string> hidden() const override { return {"hash", "digest"}; }
};

// What is stored of an API key's secret. The secret is random and long: a plain digest is enough.
std::string secret_digest(const std::string& secret);

}  // namespace jobengine::api::cimi
