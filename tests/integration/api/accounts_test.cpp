// Users, groups, passwords and API keys over REST; nobody gets further than they may.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/integration/api/account_fixture.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;

json user_body(const std::string& name, const std::string& password) {
  json body;
  body["template"]["href"] = "user-template/username-password";
  body["template"]["username"] = name;
  body["template"]["password"] = password;
  return body;
}

json group_body(const std::string& name) {
  json body;
  body["template"]["href"] = "group-template/generic";
  body["template"]["group-identifier"] = name;
  return body;
}

json one(const std::string& name, const json& value) {
  json body;
  body[name] = value;
  return body;
}

void check_refused(const Answer& answer, int status, const std::string& message) {
  INFO(answer.text);
  CHECK(answer.status == status);
  CHECK(answer.message().find(message) != std::string::npos);
}

std::string password_credential(const NewUser& user) {
  return administrator().get(user.id).body.at("credential-password").get<std::string>();
}

TEST_CASE("users: a weak password is refused with its reason", "[api]") {
  auto& admin = administrator();
  check_refused(admin.send("POST", "user", user_body("weak", "1234567")), 400,
                "template/password: too short, expected at least 8 characters");
  check_refused(admin.send("POST", "user", user_body("weak", std::string(1025, 'x'))), 400,
                "too long, expected at most 1024");
  check_refused(admin.send("POST", "user", user_body("weak", "aaaaaaaaaaaa")), 400,
                "one character over and over");
  check_refused(admin.send("POST", "user", user_body("weak-one", "Weak-One")), 400,
                "it is the name of the user");
}

TEST_CASE("users: what cannot become a user is refused by name", "[api]") {
  auto& admin = administrator();
  for (const char* name : {"two words", "a'b", "line\nbreak", "a/b"}) {
    check_refused(admin.send("POST", "user", user_body(name, user_password)), 400,
                  "template/username: expected neither blanks");
  }
  auto unknown = user_body("fine", user_password);
  unknown["template"]["admin"] = true;
  check_refused(admin.send("POST", "user", unknown), 400, "template/admin: unknown attribute");
  auto further = user_body("fine", user_password);
  further["state"] = "ACTIVE";
  check_refused(admin.send("POST", "user", further), 400, "state: unknown attribute");
  auto groups = user_body("fine", user_password);
  groups["template"]["groups"] = "group/x";
  check_refused(admin.send("POST", "user", groups), 400, "template/groups: expected an array");
  groups["template"]["groups"] = json::array({"group/there-is-none"});
  check_refused(admin.send("POST", "user", groups), 400, "there is no group/there-is-none");
  // Nothing of it is left behind.
  CHECK(admin.get("user?filter=name='fine'").body.at("count") == 0);
  const auto taken = new_user("taken");
  check_refused(admin.send("POST", "user", user_body(taken.name, user_password)), 409, "conflict");
  auto plain = logged_in(taken);
  check_refused(plain.send("POST", "user", user_body("another", user_password)), 403,
                "credentials required");
}

TEST_CASE("users: an administrator cannot lock itself out, and thereby everybody", "[api]") {
  auto& admin = administrator();
  const auto self = admin.get("session").body.at("resources").at(0).at("user").get<std::string>();
  auto members = admin.get("group/nuvla-admin").body.at("users");
  members.erase(std::find(members.begin(), members.end(), self));
  check_refused(admin.send("DELETE", self), 409, "only another administrator can remove it");
  check_refused(admin.send("PUT", self, one("state", "SUSPENDED")), 409,
                "only another administrator can suspend it");
  check_refused(admin.send("PUT", "group/nuvla-admin", one("users", members)), 409,
                "only another administrator can take it out");
  CHECK(admin.get(self).body.at("state") == "ACTIVE");
  // Another one can.
  const auto second = new_user("second-administrator");
  const auto both = admin.get("group/nuvla-admin").body.at("users");
  auto more = both;
  more.push_back(second.id);
  REQUIRE(admin.send("PUT", "group/nuvla-admin", one("users", more)).status == 200);
  REQUIRE(admin.send("PUT", "group/nuvla-admin", one("users", both)).status == 200);
  CHECK(admin.send("DELETE", second.id).status == 200);
}

TEST_CASE("users: they cannot edit themselves into anything", "[api]") {
  const auto user = new_user("climber");
  const auto group = new_group("summit", json::array());
  auto visitor = logged_in(user);
  CHECK(visitor.get(user.id).body.at("name") == user.name);
  CHECK(visitor.send("PUT", user.id, one("state", "ACTIVE")).status == 403);
  CHECK(visitor.send("PUT", user.id, one("groups", json::array({group}))).status == 403);
  CHECK(visitor.send("DELETE", user.id).status == 403);
  for (const auto& id : {group, std::string("group/nuvla-admin")}) {
    CHECK(visitor.send("PUT", id, one("users", json::array({user.id}))).status == 403);
    CHECK(visitor.send("DELETE", id).status == 403);
  }
  CHECK(visitor.send("POST", "group", group_body("mine")).status == 403);
  const auto key = new_key(visitor);
  json raised;
  raised["claims"]["identity"] = user.id;
  raised["claims"]["roles"] = json::array({"group/nuvla-admin"});
  check_refused(visitor.send("PUT", key.id, raised), 400, "'claims' cannot be edited");
  check_refused(visitor.send("PUT", key.id, one("expiry", "2099-01-01T00:00:00.000Z")), 400,
                "'expiry' cannot be edited");
  json wanted;
  wanted["template"]["href"] = "credential-template/generate-api-key";
  wanted["template"]["claims"] = raised["claims"];
  check_refused(visitor.send("POST", "credential", wanted), 400, "template/claims: unknown");
  check_refused(administrator().send("PUT", user.id, one("name", "root")), 400,
                "'name' cannot be edited");
}

TEST_CASE("users: who is suspended is out at once, with keys, until activated", "[api]") {
  const auto user = new_user("suspended");
  auto visitor = logged_in(user);
  const auto key = new_key(visitor);
  Visitor machine(accounts_port());
  REQUIRE(machine.log_in_by_key(key.id, key.secret).status == 201);
  REQUIRE(machine.get("user").status == 200);
  auto& admin = administrator();
  REQUIRE(admin.send("PUT", user.id, one("state", "SUSPENDED")).status == 200);
  CHECK(visitor.get("user").status == 403);
  CHECK(machine.get("user").status == 403);
  check_refused(Visitor(accounts_port()).log_in(user.name, user_password), 403,
                "invalid credentials for '" + user.name + "'");
  CHECK(Visitor(accounts_port()).log_in_by_key(key.id, key.secret).status == 403);
  REQUIRE(admin.send("PUT", user.id, one("state", "ACTIVE")).status == 200);
  CHECK(visitor.get("user").status == 403);  // the session has ended for good
  CHECK(logged_in(user).get("user").status == 200);
  check_refused(admin.send("PUT", user.id, one("state", "ASLEEP")), 400, "state: expected");
}

TEST_CASE("users: removing one removes all that is its own, and frees the name", "[api]") {
  const auto user = new_user("removed");
  const auto group = new_group("bereft", {user.id});
  const auto credential = password_credential(user);
  auto visitor = logged_in(user);
  const auto key = new_key(visitor);
  Visitor machine(accounts_port());
  REQUIRE(machine.log_in_by_key(key.id, key.secret).status == 201);
  auto& admin = administrator();
  REQUIRE(admin.send("DELETE", user.id).status == 200);
  CHECK(visitor.get("user").status == 403);
  CHECK(machine.get("user").status == 403);
  CHECK(machine.log_in_by_key(key.id, key.secret).status == 403);
  for (const auto& id : {user.id, credential, key.id, visitor.session(), machine.session()}) {
    CHECK(admin.get(id).status == 404);
  }
  CHECK(admin.get(group).body.at("users") == json::array());
  CHECK(admin.send("POST", "user", user_body(user.name, user_password)).status == 201);
}

TEST_CASE("passwords: one's own is changed with the one before; other sessions end", "[api]") {
  const auto user = new_user("changing");
  auto visitor = logged_in(user);
  auto elsewhere = logged_in(user);
  const auto id = password_credential(user);
  const auto shown = visitor.get(id).body;
  REQUIRE(shown.at("operations").size() == 1);
  CHECK(shown.at("operations").at(0).at("rel") == "change-password");
  const auto path = id + "/change-password";
  auto change = one("new-password", "another-fine-one");
  check_refused(visitor.send("POST", path, change), 400, "current-password: expected a string");
  change["current-password"] = "guessed-wrongly";
  check_refused(visitor.send("POST", path, change), 403, "current-password: this is not");
  change["current-password"] = user_password;
  change["new-password"] = "short";
  check_refused(visitor.send("POST", path, change), 400, "new-password: too short");
  change["newpassword"] = "x";
  check_refused(visitor.send("POST", path, change), 400, "newpassword: unknown attribute");
  change.erase("newpassword");
  change["new-password"] = "another-fine-one";
  CHECK(elsewhere.get("user").status == 200);
  REQUIRE(visitor.send("POST", path, change).status == 200);
  CHECK(visitor.get("user").status == 200);
  CHECK(elsewhere.get("user").status == 403);
  CHECK(Visitor(accounts_port()).log_in(user.name, user_password).status == 403);
  CHECK(Visitor(accounts_port()).log_in(user.name, "another-fine-one").status == 201);
}

TEST_CASE("passwords: administrators reset them, strangers do not", "[api]") {
  const auto user = new_user("forgetful");
  auto visitor = logged_in(user);
  auto stranger = logged_in(new_user("stranger"));
  const auto path = password_credential(user) + "/change-password";
  const auto reset = one("new-password", "given-by-the-admin");
  CHECK(stranger.send("POST", path, reset).status == 403);
  REQUIRE(administrator().send("POST", path, reset).status == 200);
  CHECK(visitor.get("user").status == 403);
  CHECK(Visitor(accounts_port()).log_in(user.name, "given-by-the-admin").status == 201);
  auto owner = logged_in(new_user("owner"));
  const auto key = new_key(owner);
  CHECK(owner.send("POST", key.id + "/change-password", reset).status == 404);
}

TEST_CASE("groups: membership decides what one may", "[api]") {
  auto& admin = administrator();
  const auto user = new_user("promoted");
  auto visitor = logged_in(user);
  CHECK(visitor.send("POST", "group", group_body("not-yet")).status == 403);
  auto members = admin.get("group/nuvla-admin").body.at("users");
  members.push_back(user.id);
  REQUIRE(admin.send("PUT", "group/nuvla-admin", one("users", members)).status == 200);
  auto raised = logged_in(user);
  CHECK(raised.send("POST", "group", group_body("by-the-promoted")).status == 201);
  members.erase(members.size() - 1);
  REQUIRE(admin.send("PUT", "group/nuvla-admin", one("users", members)).status == 200);
  CHECK(raised.send("POST", "group", group_body("no-more")).status == 403);
}

TEST_CASE("groups: what makes no group is refused by name", "[api]") {
  auto& admin = administrator();
  for (const char* name : {"Team", "a b", "-a", "a-", "a--b", "group/x"}) {
    check_refused(admin.send("POST", "group", group_body(name)), 400,
                  "template/group-identifier: expected lower-case letters");
  }
  check_refused(admin.send("POST", "group", group_body("nuvla-user")), 400, "everybody is in");
  auto unknown = group_body("team-x");
  unknown["members"] = json::array();
  check_refused(admin.send("POST", "group", unknown), 400, "members: unknown attribute");
  const auto id = new_group("strict", json::array());
  for (const auto& users : {json("user/x"), json::array({"group/y"}), json::array({1}),
                            json::array({"user/x", "user/x"})}) {
    check_refused(admin.send("PUT", id, one("users", users)), 400, "users: expected an array");
  }
  check_refused(admin.send("PUT", id, one("users", json::array({"user/nobody"}))), 400,
                "users: there is no user/nobody");
  check_refused(admin.send("POST", "group", group_body(id.substr(6))), 409, "conflict with " + id);
  CHECK(admin.send("DELETE", "credential", nullptr, "bulk: yes\r\n").status == 405);
  check_refused(admin.send("DELETE", "group/nuvla-admin"), 409, "cannot be deleted");
  const auto edited = admin.send("PUT", id, one("description", "The strict ones"));
  CHECK(edited.body.at("description") == "The strict ones");
  CHECK(admin.send("DELETE", id).status == 200);
}

TEST_CASE("API keys: one's own only; the secret is shown once; deleting one ends its sessions",
          "[api]") {
  auto owner = logged_in(new_user("keys"));
  auto stranger = logged_in(new_user("stranger"));
  const auto key = new_key(owner, 3600);
  const auto shown = owner.get(key.id);
  CHECK(shown.body.contains("expiry"));
  CHECK(shown.text.find(key.secret) == std::string::npos);
  CHECK(shown.text.find("digest") == std::string::npos);
  CHECK(owner.get("credential?filter=subtype='credential-api-key'").body.at("count") == 1);
  CHECK(stranger.get(key.id).status == 403);
  CHECK(stranger.get("credential?filter=subtype='credential-api-key'").body.at("count") == 0);
  CHECK(stranger.send("DELETE", key.id).status == 403);
  Visitor machine(accounts_port());
  check_refused(machine.log_in_by_key(key.id, "wrong"), 403, "invalid credentials for '" + key.id);
  REQUIRE(machine.log_in_by_key(key.id.substr(11), key.secret).status == 201);
  CHECK(machine.get("user").status == 200);
  CHECK(owner.send("DELETE", key.id).status == 200);
  CHECK(machine.get("user").status == 403);
  json bad;
  bad["template"]["href"] = "credential-template/generate-api-key";
  bad["template"]["ttl"] = -1;
  check_refused(owner.send("POST", "credential", bad), 400, "template/ttl: expected a number");
}

TEST_CASE("API keys: they cannot do more than their owner can now", "[api]") {
  const auto user = new_user("shrinking");
  const auto group = new_group("shrunk", {user.id});
  auto owner = logged_in(user);
  const auto key = new_key(owner);
  Visitor machine(accounts_port());
  REQUIRE(machine.log_in_by_key(key.id, key.secret).status == 201);
  CHECK(machine.get(group).status == 200);
  REQUIRE(administrator().send("PUT", group, one("users", json::array())).status == 200);
  CHECK(machine.get(group).status == 403);
  REQUIRE(machine.log_in_by_key(key.id, key.secret).status == 201);
  CHECK(machine.get(group).status == 403);
  // Nor has it what its owner gets later.
  const auto later = new_group("later", {user.id});
  CHECK(machine.get(later).status == 403);
  json claim;
  claim["claim"] = later;
  CHECK(machine.send("POST", machine.session() + "/switch-group", claim).status == 403);
}

TEST_CASE("secrets: hashes and digests are neither shown nor found by any search", "[api]") {
  auto& admin = administrator();
  auto owner = logged_in(new_user("secretive"));
  const auto key = new_key(owner);
  const auto password = admin.get("credential?filter=subtype='credential-hashed-password'").body;
  const auto hashed = password.at("resources").at(0).at("id").get<std::string>();
  for (const auto& id : {key.id, hashed}) {
    for (const char* select : {"", "?select=hash,digest,secret-key"}) {
      const auto shown = admin.get(id + select);
      CHECK(shown.status == 200);
      CHECK(shown.text.find("sha256$") == std::string::npos);
      CHECK(shown.text.find("argon2") == std::string::npos);
    }
  }
  for (const char* query :
       {"filter=hash!=null", "filter=id!=null%20and%20digest^='sha256'", "orderby=digest:asc",
        "orderby=hash/x", "aggregation=terms:digest", "aggregation=cardinality:hash"}) {
    INFO(query);
    check_refused(admin.get(std::string("credential?") + query), 400, "cannot be searched");
  }
  check_refused(admin.get("events?collection=credential&filter=digest^='sha256'"), 400,
                "cannot be searched");
  const auto rows = admin.get("credential?select=hash,digest");
  CHECK(rows.status == 200);
  CHECK(rows.text.find("argon2") == std::string::npos);
  for (const char* name : {"hash", "digest"}) {
    check_refused(admin.send("PUT", key.id, one(name, "x")), 400, "cannot be edited");
  }
  json patch = json::array();
  patch.push_back(one("op", "replace"));
  CHECK(admin.send("PUT", key.id, patch, "Content-Type: application/json-patch+json\r\n").status ==
        400);
  Visitor machine(accounts_port());
  admin.send("PUT", key.id + "?select=digest,claims,expiry", json::object());
  CHECK(machine.log_in_by_key(key.id, key.secret).status == 201);
}

}  // namespace
}  // namespace jobengine::tests
