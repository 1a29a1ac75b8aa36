// Sessions: what they show, whom they act as, how they end (spec 3.3).
#include <catch2/catch.hpp>

#include "tests/integration/api/account_fixture.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;

std::string rels(const json& document) {
  std::string text;
  for (const auto& operation : document.value("operations", json::array())) {
    text += operation.at("rel").get<std::string>() + " ";
  }
  return text;
}

json claim(const std::string& wanted) {
  json body;
  body["claim"] = wanted;
  return body;
}

bool is_nobody(Visitor& visitor) {
  return visitor.get("user").status == 403;
}

TEST_CASE("sessions: one sees one's own only, with its operations", "[api]") {
  const auto user = new_user("own");
  auto first = logged_in(user);
  auto second = logged_in(user);
  const auto listed = first.get("session").body;
  REQUIRE(listed.at("count") == 1);
  const auto& session = listed.at("resources").at(0);
  CHECK(session.at("id") == first.session());
  CHECK(session.at("user") == user.id);
  CHECK(session.at("identifier") == user.name);
  CHECK(session.at("method") == "password");
  CHECK(session.at("template").at("href") == "session-template/password");
  CHECK(session.at("active-claim") == user.id);
  CHECK(session.at("roles") == user.id + " group/nuvla-anon group/nuvla-user");
  CHECK(session.contains("expiry"));
  CHECK(rels(session) == "delete get-peers get-groups switch-group ");
  CHECK(first.get(second.session()).status == 403);
  CHECK(first.send("POST", second.session() + "/switch-group", claim(user.id)).status == 403);
  CHECK(first.send("DELETE", second.session()).status == 403);
  Visitor nobody(accounts_port());
  CHECK(nobody.get("session").body.at("count") == 0);
  CHECK(first.send("PUT", first.session(), claim("x")).status == 405);
}

TEST_CASE("sessions: who acts as a group owns as the group, and gives up the others", "[api]") {
  const auto user = new_user("switching");
  const auto team = new_group("team", {user.id});
  const auto other = new_group("other", {user.id});
  auto visitor = logged_in(user);
  const auto before = visitor.cookie;
  const auto groups = visitor.send("POST", visitor.session() + "/get-groups").body;
  REQUIRE(groups.size() == 2);
  CHECK(groups.at(0).at("id") == other);

  const auto switched = visitor.send("POST", visitor.session() + "/switch-group", claim(team));
  REQUIRE(switched.status == 200);
  CHECK(switched.body.at("active-claim") == team);
  CHECK(switched.body.at("roles").get<std::string>().find(other) == std::string::npos);
  CHECK(visitor.cookie != before);
  const auto key = new_key(visitor);
  const auto credential = visitor.get(key.id).body;
  CHECK(credential.at("acl").at("owners") == json::array({team}));
  CHECK(credential.at("created-by") == user.id);
  CHECK(visitor.get(other).status == 403);
  CHECK(visitor.get(team).status == 200);

  // Another member sees what the group owns.
  const auto colleague = new_user("colleague", {team});
  auto second = logged_in(colleague);
  CHECK(second.get(key.id).status == 200);

  // The key acts as the group too.
  Visitor machine(accounts_port());
  REQUIRE(machine.log_in_by_key(key.id, key.secret).status == 201);
  CHECK(machine.get(machine.session()).body.at("active-claim") == team);
  CHECK(machine.get(other).status == 403);

  const auto back = visitor.send("POST", visitor.session() + "/switch-group", claim(user.id));
  REQUIRE(back.status == 200);
  CHECK(back.body.at("active-claim") == user.id);
  CHECK(visitor.get(other).status == 200);
  CHECK(visitor.get(visitor.session()).body.at("active-claim") == user.id);
}

TEST_CASE("sessions: nobody acts as a group without being in it", "[api]") {
  const auto user = new_user("outside");
  const auto group = new_group("inside", json::array());
  auto visitor = logged_in(user);
  const auto path = visitor.session() + "/switch-group";
  for (const auto& wanted : {group, std::string("group/nuvla-admin"), std::string("group/none"),
                             std::string("group/nuvla-user"), std::string("user/another")}) {
    INFO(wanted);
    const auto refused = visitor.send("POST", path, claim(wanted));
    CHECK(refused.status == 403);
    CHECK(refused.message().find("you are not in " + wanted) != std::string::npos);
  }
  for (const auto& bad : {json("x"), json::object(), json::array()}) {
    CHECK(visitor.send("POST", path, bad).status == 400);
  }
  CHECK(visitor.send("POST", path, claim("no id")).message().find("claim: expected") == 0);
  CHECK(visitor.send("POST", visitor.session() + "/fly").status == 404);
}

TEST_CASE("sessions: peers are those who share a group", "[api]") {
  const auto first = new_user("peer");
  const auto second = new_user("peer");
  const auto stranger = new_user("stranger");
  new_group("peers", {first.id, second.id});
  auto visitor = logged_in(first);
  const auto peers = visitor.get(visitor.session() + "/get-peers").body;
  CHECK(peers.size() == 2);
  CHECK(peers.at(second.id) == second.name);
  auto lonely = logged_in(stranger);
  CHECK(lonely.get(lonely.session() + "/get-peers").body == json::object());
  auto& admin = administrator();
  CHECK(admin.get(admin.session() + "/get-peers").body.contains(stranger.id));
}

TEST_CASE("sessions: who leaves a group has lost its rights, at once", "[api]") {
  const auto user = new_user("leaving");
  const auto group = new_group("left", {user.id});
  auto visitor = logged_in(user);
  auto switched = logged_in(user);
  REQUIRE(switched.send("POST", switched.session() + "/switch-group", claim(group)).status == 200);
  CHECK(visitor.get(group).status == 200);
  json nobody_in;
  nobody_in["users"] = json::array();
  REQUIRE(administrator().send("PUT", group, nobody_in).status == 200);
  CHECK(visitor.get(group).status == 403);
  CHECK_FALSE(is_nobody(visitor));
  CHECK(is_nobody(switched));
}

TEST_CASE("sessions: the cookie is for this server alone, and Secure behind TLS", "[api]") {
  const auto user = new_user("cookie");
  Visitor visitor(accounts_port());
  const auto plain = visitor.log_in(user.name, user_password).headers.at("set-cookie");
  for (const char* attribute : {"; Path=/", "; HttpOnly", "; SameSite=Strict", "; Expires="}) {
    CHECK(plain.find(attribute) != std::string::npos);
  }
  CHECK(plain.find("; Secure") == std::string::npos);
  const auto tls = visitor.log_in(user.name, user_password, "X-Forwarded-Proto: https\r\n");
  CHECK(tls.headers.at("set-cookie").find("; Secure") != std::string::npos);
}

TEST_CASE("sessions: what a page of another site asks for is done as nobody", "[api]") {
  const auto user = new_user("lured");
  auto visitor = logged_in(user);
  const std::string foreign = "Sec-Fetch-Site: cross-site\r\n";
  const auto path = visitor.session() + "/get-groups";
  CHECK(visitor.send("GET", path, nullptr, foreign).status == 403);
  CHECK(visitor.send("DELETE", visitor.session(), nullptr, foreign).status == 403);
  CHECK(visitor.send("GET", path, nullptr, "Sec-Fetch-Site: same-origin\r\n").status == 200);
  CHECK(visitor.send("GET", path, nullptr, "Sec-Fetch-Site: none\r\n").status == 200);
}

TEST_CASE("sessions: a logout counts at once, and forgets the cookie", "[api]") {
  const auto user = new_user("logout");
  auto visitor = logged_in(user);
  const auto cookie = visitor.cookie;
  const auto left = visitor.send("DELETE", visitor.session());
  CHECK(left.status == 200);
  CHECK(left.headers.at("set-cookie").find("=INVALID; ") != std::string::npos);
  CHECK(left.headers.at("set-cookie").find("Max-Age=0") != std::string::npos);
  visitor.cookie = cookie;
  CHECK(is_nobody(visitor));
}

TEST_CASE("sessions: they end at their expiry, those of a key with the key", "[api]") {
  ApiServer server({{}, {"--session-lifetime", "2s"}, {}});
  Visitor visitor(server.port());
  REQUIRE(visitor.log_in(api_admin, api_password).status == 201);
  CHECK(visitor.get("user").status == 200);
  run_on_loop([&](asio::io_context&) -> awaitable<void> {
    auto ended = [&] { return is_nobody(visitor); };
    const bool in_time = co_await eventually(ended);
    CHECK(in_time);
  });
  auto keeper = logged_in(new_user("short-key"));
  const auto key = new_key(keeper, 4);
  Visitor machine(accounts_port());
  REQUIRE(machine.log_in_by_key(key.id, key.secret).status == 201);
  const auto session = machine.get(machine.session()).body;
  CHECK(session.at("expiry") == keeper.get(key.id).body.at("expiry"));
  run_on_loop([&](asio::io_context&) -> awaitable<void> {
    auto ended = [&] { return is_nobody(machine); };
    const bool in_time = co_await eventually(ended);
    CHECK(in_time);
    auto worthless = [&] { return machine.log_in_by_key(key.id, key.secret).status == 403; };
    const bool refused = co_await eventually(worthless);
    CHECK(refused);
  });
}

TEST_CASE("templates: clients find out how to log in and what can be added", "[api]") {
  Visitor nobody(accounts_port());
  const auto sessions = nobody.get("session-template?orderby=id").body;
  REQUIRE(sessions.at("count") == 2);
  CHECK(sessions.at("resources").at(0).at("id") == "session-template/api-key");
  CHECK(sessions.at("resources").at(1).at("method") == "password");
  for (const char* id : {"user-template/username-password", "group-template/generic",
                         "credential-template/generate-api-key"}) {
    CHECK(nobody.get(id).status == 200);
  }
  auto& admin = administrator();
  CHECK(admin.send("POST", "session-template", json::object()).status == 405);
  CHECK(admin.send("PUT", "user-template/username-password", json::object()).status == 405);
  CHECK(admin.send("DELETE", "user-template/username-password").status == 405);
  const auto entry = nobody.get("cloud-entry-point").body.at("collections");
  CHECK(entry.contains("session-template"));
  CHECK(entry.contains("group"));
}

}  // namespace
}  // namespace jobengine::tests
