// credential: API keys, and the passwords of users (spec 3.3).
#pragma once

#include "api/access/authentication.hpp"
#include "api/access/login_limits.hpp"
#include "api/access/password_hash.hpp"
#include "api/cimi/collection.hpp"

namespace jobengine::api::cimi {

// API keys are made by their owner: {"template": {"href":
// "credential-template/generate-api-key", "ttl": SECONDS}}; the answer holds the secret, which is
// kept as a digest only. Passwords have an operation change-password with {"current-password": …,
// "new-password": …}; administrators need not give the current one.
class CredentialCollection : public Collection {
 public:
  // All must outlive it.
  CredentialCollection(store::Store& store, access::Authentication& authentication,
                       access::PasswordHasher& hasher, access::LoginLimits& limits);
  Description description() const override;
  awaitable<http::Response> add(Call call) override;
  // With the sessions that began with it.
  awaitable<http::Response> remove(Call call) override;
  awaitable<http::Response> operate(Call call) override;

 protected:
  nlohmann::json new_document(const Call& call, const std::string& id, WallTime now) override;
  nlohmann::json edited_document(const nlohmann::json& current, const Call& call,
                                 WallTime now) override;
  std::vector<std::string> further_operations(const nlohmann::json& document,
                                              const access::Identity& who) const override;
  std::vector<std::string> hidden() const override { return {"hash", "digest"}; }

 private:
  awaitable<http::Response> change_password(Call call);
  // Throws CimiError unless `given` is the password behind `hash`.
  awaitable<void> expect_password(std::string hash, std::string given, std::string username,
                                  std::string client);

  access::Authentication& authentication_;
  access::PasswordHasher& hasher_;
  access::LoginLimits& limits_;
};

// What is stored of an API key's secret. The secret is random and long: a plain digest is enough.
std::string secret_digest(const std::string& secret);

}  // namespace jobengine::api::cimi
