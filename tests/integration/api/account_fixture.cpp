#include "tests/integration/api/account_fixture.hpp"

#include <catch2/catch.hpp>

#include "tests/servers/api_server.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;

std::string numbered(const std::string& name) {
  static int count = 0;
  return name + "-" + std::to_string(++count);
}

}  // namespace

std::uint16_t accounts_port() {
  static ApiServer server({{}, {"--trust-forwarded-for"}, {}});
  return server.port();
}

Visitor& administrator() {
  static Visitor visitor = [] {
    Visitor fresh(accounts_port());
    REQUIRE(fresh.log_in(api_admin, api_password).status == 201);
    return fresh;
  }();
  return visitor;
}

NewUser new_user(const std::string& name, const json& groups) {
  NewUser user;
  user.name = numbered(name);
  json body;
  body["template"]["href"] = "user-template/username-password";
  body["template"]["username"] = user.name;
  body["template"]["password"] = user_password;
  if (!groups.is_null()) body["template"]["groups"] = groups;
  const auto added = administrator().send("POST", "user", body);
  INFO(added.text);
  REQUIRE(added.status == 201);
  user.id = added.body.at("resource-id").get<std::string>();
  return user;
}

Visitor logged_in(const NewUser& user) {
  Visitor visitor(accounts_port());
  const auto answer = visitor.log_in(user.name, user_password);
  INFO(answer.text);
  REQUIRE(answer.status == 201);
  return visitor;
}

std::string new_group(const std::string& name, const json& users) {
  json body;
  body["template"]["href"] = "group-template/generic";
  body["template"]["group-identifier"] = numbered(name);
  body["users"] = users;
  const auto added = administrator().send("POST", "group", body);
  INFO(added.text);
  REQUIRE(added.status == 201);
  return added.body.at("resource-id").get<std::string>();
}

NewKey new_key(Visitor& owner, int ttl) {
  json body;
  body["template"]["href"] = "credential-template/generate-api-key";
  if (ttl > 0) body["template"]["ttl"] = ttl;
  const auto added = owner.send("POST", "credential", body);
  INFO(added.text);
  REQUIRE(added.status == 201);
  return {added.body.at("resource-id").get<std::string>(),
          added.body.at("secret-key").get<std::string>()};
}

}  // namespace jobengine::tests
