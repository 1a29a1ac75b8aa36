#include "api/access/acl.hpp"

#include <catch2/catch.hpp>

namespace jobengine::api::access {
namespace {

using nlohmann::json;

Identity jane() {
  return make_identity("user/jane", "", {"group/nuvla-user"}, "");
}
Identity admin() {
  return read_authn_info("group/nuvla-admin");
}

json normal(const char* text) {
  return normalised_acl(json::parse(text));
}

TEST_CASE("acl: stored with the administrators in it and implied rights written out", "[api]") {
  const auto acl = normal(R"({"owners": ["user/jane"], "edit-data": ["user/b", "user/a"]})");
  CHECK(acl["owners"] == json({"user/jane"}));
  CHECK(acl["edit-acl"] == json({"group/nuvla-admin"}));
  const json all = {"group/nuvla-admin", "user/a", "user/b"};
  CHECK(acl["edit-data"] == all);
  CHECK(acl["edit-meta"] == all);
  CHECK(acl["view-data"] == all);
  CHECK(acl["view-meta"] == all);
  CHECK(acl["view-acl"] == json({"group/nuvla-admin"}));
  CHECK(acl["manage"] == json({"group/nuvla-admin"}));
  CHECK(acl["delete"] == json({"group/nuvla-admin"}));
}

TEST_CASE("acl: owners stand in no other list", "[api]") {
  const auto acl = normal(R"({"owners": ["group/nuvla-admin"], "manage": ["group/nuvla-admin"]})");
  CHECK(acl == json::parse(R"({"owners": ["group/nuvla-admin"]})"));
}

TEST_CASE("acl: manage implies nothing, delete implies to see the resource", "[api]") {
  const auto acl = normal(R"({"owners": ["user/x"], "manage": ["user/jane"]})");
  CHECK(allows(acl, jane(), Right::Manage));
  CHECK_FALSE(allows(acl, jane(), Right::ViewMeta));
  const auto other = normal(R"({"owners": ["user/x"], "delete": ["user/jane"]})");
  CHECK(allows(other, jane(), Right::ViewMeta));
  CHECK_FALSE(allows(other, jane(), Right::ViewData));
}

TEST_CASE("acl: owners and administrators may everything, others nothing", "[api]") {
  const auto acl = normal(R"({"owners": ["user/jane"]})");
  for (const auto right : {Right::ViewMeta, Right::EditAcl, Right::Manage, Right::Delete}) {
    CHECK(allows(acl, jane(), right));
    CHECK(allows(acl, admin(), right));
    CHECK_FALSE(allows(acl, anonymous(), right));
  }
}

TEST_CASE("acl: what is wrong with it is said", "[api]") {
  const auto error = [](const char* text) { return acl_error(json::parse(text)); };
  CHECK(error(R"({"owners": ["user/jane"], "view-data": []})").empty());
  CHECK(error(R"({"owners": []})").find("'owners'") != std::string::npos);
  CHECK(error(R"({"view-data": ["user/jane"]})").find("'owners'") != std::string::npos);
  CHECK(error(R"({"owners": ["user/jane"], "see": []})").find("\"see\"") != std::string::npos);
  CHECK(error(R"({"owners": ["Jane"]})").find("\"Jane\"") != std::string::npos);
  CHECK(error(R"({"owners": ["user/a", "user/a"]})").find("twice") != std::string::npos);
  CHECK(error(R"([])").find("map") != std::string::npos);
  const std::string longest(4000, '\\');
  CHECK(acl_error({{"owners", {longest}}}).size() < 300);
  CHECK(acl_error({{longest, {"user/a"}}}).size() < 300);
}

TEST_CASE("acl: each right shows its part of a resource", "[api]") {
  json job = json::parse(R"({"id": "job/1", "name": "n", "state": "QUEUED"})");
  job["acl"] = normal(R"({"owners": ["user/x"], "view-meta": ["user/meta"],
                          "view-data": ["user/data"], "view-acl": ["user/acl"]})");
  const auto seen_by = [&](const char* user) {
    return visible_part(job, make_identity(user, "", {}, ""));
  };
  CHECK(seen_by("user/meta") == json::parse(R"({"id": "job/1", "name": "n"})"));
  CHECK(seen_by("user/data") == json::parse(R"({"id": "job/1", "name": "n", "state": "QUEUED"})"));
  CHECK(seen_by("user/acl") == job);
  CHECK(seen_by("user/x") == job);
  CHECK(seen_by("user/other").is_null());
}

TEST_CASE("acl: keys one may not edit are dropped", "[api]") {
  const auto acl = normal(R"({"owners": ["user/x"], "edit-meta": ["user/meta"],
                              "edit-data": ["user/data"]})");
  const json changes = json::parse(R"({"name": "n", "state": "RUNNING", "acl": {}})");
  const auto allowed = [&](const char* user) {
    return editable_part(acl, changes, make_identity(user, "", {}, ""));
  };
  CHECK(allowed("user/meta") == json::parse(R"({"name": "n"})"));
  CHECK(allowed("user/data") == json::parse(R"({"name": "n", "state": "RUNNING"})"));
  CHECK(allowed("user/x") == changes);
}

}  // namespace
}  // namespace jobengine::api::access
