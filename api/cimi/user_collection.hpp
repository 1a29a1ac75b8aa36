// user: added, suspended and removed by administrators; each sees itself (spec 3.3).
#pragma once

#include "api/access/authentication.hpp"
#include "api/access/password_hash.hpp"
#include "api/cimi/collection.hpp"

namespace jobengine::api::cimi {

// Add: {"template": {"href": "user-template/username-password", "username": …, "password": …,
// "groups": ["group/x"]}}.
class UserCollection : public Collection {
 public:
  // Both must outlive it.
  UserCollection(store::Store& store, access::Authentication& authentication,
                 access::PasswordHasher& hasher);
  Description description() const override;
  awaitable<http::Response> add(Call call) override;
  // Who is suspended is logged out.
  awaitable<http::Response> edit(Call call) override;
  // With its name, password, sessions, API keys and memberships.
  awaitable<http::Response> remove(Call call) override;

 protected:
  nlohmann::json new_document(const Call& call, const std::string& id, WallTime now) override;
  nlohmann::json edited_document(const nlohmann::json& current, const Call& call,
                                 WallTime now) override;

 private:
  access::Authentication& authentication_;
  access::PasswordHasher& hasher_;
};

}  // namespace jobengine::api::cimi
