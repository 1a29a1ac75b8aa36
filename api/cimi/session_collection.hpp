// Logging in and out (spec 3.3): by password, by API key; the session's cookie.
#pragma once

#include "api/access/authentication.hpp"
#include "api/access/password_hash.hpp"
#include "api/cimi/collection.hpp"

namespace jobengine::api::cimi {

class SessionCollection : public Collection {
 public:
  // Both must outlive it.
  SessionCollection(store::Store& store, access::Authentication& authentication,
                    access::PasswordHasher& hasher);

  awaitable<http::Response> add(Call call) override;
  awaitable<http::Response> remove(Call call) override;

 protected:
  nlohmann::json new_document(const Call& call, const std::string& id, WallTime now) override;
  nlohmann::json edited_document(const nlohmann::json& current, const Call& call,
                                 WallTime now) override;
  bool editable(const nlohmann::json& document) const override;
  // One's own session only, administrators included.
  store::Visibility visibility(const access::Identity& who) const override;

 private:
  struct Login {
    access::Identity identity;
    std::string identifier;  // what was logged in with
    std::string method;
  };
  awaitable<Login> by_password(nlohmann::json wanted);
  awaitable<Login> by_api_key(nlohmann::json wanted);

  access::Authentication& authentication_;
  access::PasswordHasher& hasher_;
};

}  // namespace jobengine::api::cimi
