// One job-api for the cases about accounts, its administrator, and users that a case makes for
// itself.
#pragma once

#include <string>

#include "tests/integration/api/visitor.hpp"

namespace jobengine::tests {

inline constexpr const char* user_password = "a-fine-password";

// Started at the first use.
std::uint16_t accounts_port();
Visitor& administrator();
// A new user with user_password; its name begins with `name`.
struct NewUser {
  std::string name;
  std::string id;
};
NewUser new_user(const std::string& name, const nlohmann::json& groups = nullptr);
Visitor logged_in(const NewUser& user);
// A new group with those users; its id begins with "group/<name>".
std::string new_group(const std::string& name, const nlohmann::json& users);
// Key and secret of a new API key of that visitor.
struct NewKey {
  std::string id;
  std::string secret;
};
NewKey new_key(Visitor& owner, int ttl = 0);

}  // namespace jobengine::tests
