// Declared resource types as their users see them, with the examples that are shipped.
#include <algorithm>
#include <catch2/catch.hpp>
#include <thread>

#include "api/cimi/generic_type_reader.hpp"
#include "tests/integration/api/exchange.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;

ApiServer& server() {
  static ApiServer one(
      {{}, {"--trust-authn-header", "--resources", source_directory() + "/deploy/resources"}, {}});
  return one;
}

Caller as_user(const std::string& name) {
  const auto user = "user/" + name;
  return {server().port(), user + " " + user + " " + user + " group/nuvla-user"};
}
Caller as_admin() {
  return {server().port(), "group/nuvla-admin"};
}

json deployment(const std::string& name = "web") {
  json document;
  document["name"] = name;
  document["module"]["href"] = "module/wordpress";
  return document;
}

std::string begin(const Caller& caller, const std::string& path, const json& body = {}) {
  const auto answer = caller.operate(path, body);
  INFO(answer.body.dump());
  REQUIRE(answer.status == 202);
  REQUIRE(answer.body["location"] == answer.header("Location"));
  return answer.header("Location");
}

json state(const std::string& value) {
  json edit;
  edit["state"] = value;
  return edit;
}

bool offers(const json& resource, const std::string& rel) {
  const auto list = resource.value("operations", json::array());
  return std::any_of(list.begin(), list.end(), [&](const json& one) { return one["rel"] == rel; });
}

TEST_CASE("declared types: the cloud entry point lists them", "[api][generic]") {
  const auto entry = as_user("jane").get("cloud-entry-point");
  for (const auto& [name, unused] : entry.body["collections"].items()) {
    const bool declared = name == "deployment" || name == "nuvlabox" || name == "web-check";
    const auto text = "resources: {" + name + ": {}}";
    CAPTURE(name);
    if (declared) continue;
    CHECK_THROWS_WITH(api::cimi::parse_generic_types(text, "x.yaml"),
                      Catch::Contains("job-api itself uses the name"));
  }
  CHECK(entry.body["collections"].contains("deployment"));
  CHECK(entry.body["collections"].contains("nuvlabox"));
}

TEST_CASE("declared types: a resource is added, seen by its owner only, edited and deleted",
          "[api][generic]") {
  const auto jane = as_user("jane");
  const auto joe = as_user("joe");
  auto body = deployment();
  body["state"] = "STARTED";  // is not for users to say
  const auto id = jane.added("deployment", body);
  const auto read = jane.get(id);
  CHECK(read.body["state"] == "CREATED");
  CHECK(read.body["execution-mode"] == "push");
  CHECK(read.body["acl"]["owners"] == json::array({"user/jane"}));
  CHECK(read.body["created-by"] == "user/jane");
  CHECK(joe.get(id).status == 403);
  CHECK(joe.edit(id, {{"name", "mine"}}).status == 403);
  CHECK(joe.remove(id).status == 403);
  const auto edited = jane.edit(id, {{"name", "site"}, {"state", "STARTED"}});
  CHECK(edited.status == 200);
  CHECK(edited.body["name"] == "site");
  CHECK(edited.body["state"] == "CREATED");
  CHECK(jane.edit(id + "?select=name", {{"description", "d"}}).body.contains("name") == false);
  CHECK(as_admin().edit(id, state("STARTED")).body["state"] == "STARTED");
  CHECK(jane.remove(id).status == 200);
  CHECK(jane.get(id).status == 404);
}

TEST_CASE("declared types: the schema's complaints name place, value and expectation",
          "[api][generic]") {
  const auto jane = as_user("jane");
  auto body = deployment();
  body["module"]["href"] = "image/x";
  body["registries-credentials"] = json::array({"credential/a", 7});
  body["tags"] = "red";
  const auto refused = jane.add("deployment", body);
  CHECK(refused.status == 400);
  CHECK(refused.message().find("tags: \"red\", expected") != std::string::npos);
  body.erase("tags");
  const auto again = jane.add("deployment", body);
  CHECK(again.status == 400);
  CHECK(again.message().find("/module/href: \"image/x\", expected a text that matches ^module/\n"
                             "/registries-credentials/1: 7, expected a string") !=
        std::string::npos);
  const auto id = jane.added("deployment", deployment());
  CHECK(jane.edit(id, {{"module", 7}}).status == 400);
  CHECK(jane.get(id).body["module"] == deployment()["module"]);
}

TEST_CASE("declared types: If-Match is honoured", "[api][generic]") {
  const auto jane = as_user("jane");
  const auto id = jane.added("deployment", deployment());
  const auto etag = jane.get(id).header("ETag");
  REQUIRE_FALSE(etag.empty());
  const auto headers = "Content-Type: application/json\r\nIf-Match: " + etag + "\r\n";
  CHECK(jane.send("PUT", id, {{"name", "a"}}, headers).status == 200);
  CHECK(jane.send("PUT", id, {{"name", "b"}}, headers).status == 412);
  CHECK(jane.send("POST", id + "/start", json::object(), headers).status == 412);
  CHECK(jane.get(id).body["state"] == "CREATED");
}

TEST_CASE("operation: makes the job and changes the resource", "[api][generic]") {
  const auto jane = as_user("jane");
  auto body = deployment();
  body["execution-mode"] = "pull";
  body["nuvlabox"] = "nuvlabox/e1";
  const auto id = jane.added("deployment", body);
  CHECK(offers(jane.get(id).body, "start"));
  CHECK_FALSE(offers(jane.get(id).body, "stop"));
  const auto job_id = begin(jane, id + "/start");
  CHECK(jane.get(id).body["state"] == "STARTING");
  CHECK_FALSE(offers(jane.get(id).body, "start"));
  const auto job = as_admin().get(job_id).body;
  CHECK(job["action"] == "start_deployment");
  CHECK(job["target-resource"]["href"] == id);
  CHECK(job["priority"] == 50);
  CHECK(job["execution-mode"] == "pull");
  CHECK(job["created-by"] == "user/jane");
  CHECK(job["acl"]["owners"] == json::array({"group/nuvla-admin"}));
  CHECK(job["acl"]["edit-data"] == json::array({"nuvlabox/e1"}));
  CHECK(job["acl"]["manage"] == json::array({"nuvlabox/e1", "user/jane"}));
  CHECK_FALSE(job.contains("payload"));
  CHECK(jane.get(job_id).status == 200);
  CHECK(as_user("joe").get(job_id).status == 403);
}

TEST_CASE("operation: body gives payload, parent job and low priority", "[api][generic]") {
  const auto jane = as_user("jane");
  const auto admin = as_admin();
  const auto id = jane.added("deployment", deployment());
  admin.edit(id, state("STARTED"));
  const auto parent = admin.added("job", {{"action", "bulk_stop_deployment"}});
  json body{{"delete", true}, {"colour", "red"}, {"low-priority", true}, {"parent-job", parent}};
  // A job one does not see is nobody's parent.
  CHECK(jane.operate(id + "/stop", body).status == 403);
  CHECK(jane.get(id).body["state"] == "STARTED");
  const auto job = admin.get(begin(admin, id + "/stop", body)).body;
  CHECK(job["priority"] == 999);
  CHECK(job["parent-job"] == parent);
  CHECK(json::parse(job["payload"].get<std::string>()) == json{{"delete", true}});
}

TEST_CASE("operation: refused, it leaves neither job nor change", "[api][generic]") {
  const auto jane = as_user("jane");
  const auto admin = as_admin();
  const auto id = jane.added("deployment", deployment());
  const auto jobs = [&] {
    return admin.get("job?last=0&filter=target-resource/href='" + id + "'").body["count"];
  };
  const auto early = jane.operate(id + "/stop");
  CHECK(early.status == 409);
  CHECK(early.message().find("it needs state=['PENDING',") != std::string::npos);
  CHECK(as_user("joe").operate(id + "/start").status == 403);
  CHECK(jane.operate(id + "/begin").status == 404);
  CHECK(jane.operate("deployment/none/start").status == 404);
  CHECK(jane.operate(id + "/start", {{"parent-job", 7}}).status == 400);
  CHECK(jane.operate(id + "/start", {{"low-priority", "yes"}}).status == 400);
  CHECK(jane.operate(id + "/start", json::array()).status == 400);
  CHECK(jane.get(id).body["state"] == "CREATED");
  CHECK(jobs() == 0);
}

TEST_CASE("operation without an action: only changes the resource", "[api][generic]") {
  const auto jane = as_user("jane");
  const auto id = jane.added("nuvlabox", json::object());
  CHECK(jane.get(id).body["refresh-interval"] == 60);
  const auto answer = jane.operate(id + "/activate");
  CHECK(answer.status == 200);
  CHECK(answer.body["state"] == "ACTIVATED");
  CHECK(jane.operate(id + "/activate").status == 409);
}

TEST_CASE("operation: an unfinished job is answered instead of a second one", "[api][generic]") {
  const auto jane = as_user("jane");
  const auto admin = as_admin();
  const auto id = jane.added("deployment", deployment());
  const auto first = begin(jane, id + "/check-dct");
  CHECK(begin(jane, id + "/check-dct") == first);
  admin.edit(first, state("SUCCESS"));
  const auto second = begin(jane, id + "/check-dct");
  CHECK(second != first);
  const auto read = jane.get(id).body;
  CHECK_FALSE(read.contains("reusable-jobs"));
  CHECK(jane.get("deployment?filter=reusable-jobs/dct_check!=null").status == 400);
}

TEST_CASE("operation: of many at once only one makes the job", "[api][generic]") {
  const auto jane = as_user("jane");
  for (int round = 0; round < 5; ++round) {
    const auto id = jane.added("deployment", deployment());
    std::vector<std::string> reused(8);
    std::vector<int> started(8);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < reused.size(); ++i) {
      threads.emplace_back([&, i] {
        reused[i] = jane.operate(id + "/check-dct").header("Location");
        started[i] = jane.operate(id + "/start").status;
      });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& one : reused) CHECK(one == reused[0]);
    CHECK(std::count(started.begin(), started.end(), 202) == 1);
    CHECK(std::count(started.begin(), started.end(), 409) == 7);
    CHECK(as_admin().get("job?last=0&filter=target-resource/href='" + id + "'").body["count"] == 2);
  }
}

TEST_CASE("hook: the end of the job sets the target's state", "[api][generic]") {
  const auto jane = as_user("jane");
  const auto admin = as_admin();
  const auto id = jane.added("deployment", deployment());
  SECTION("success") {
    admin.edit(begin(jane, id + "/start"), state("SUCCESS"));
    CHECK(jane.get(id).body["state"] == "STARTED");
    CHECK(jane.get(id).body["updated-by"] == "internal");
  }
  SECTION("failure") {
    admin.edit(begin(jane, id + "/start"), state("FAILED"));
    CHECK(jane.get(id).body["state"] == "ERROR");
  }
  SECTION("cancel") {
    CHECK(jane.operate(begin(jane, id + "/start") + "/cancel").status == 200);
    CHECK(jane.get(id).body["state"] == "ERROR");
  }
  SECTION("timeout counts as a cancel when nothing else is said") {
    const auto job = begin(jane, id + "/start");
    admin.edit(job, state("RUNNING"));
    CHECK(jane.get(id).body["state"] == "STARTING");
    CHECK(admin.operate(job + "/timeout").status == 200);
    CHECK(jane.get(id).body["state"] == "ERROR");
  }
  SECTION("not when the target has gone on meanwhile") {
    const auto job = begin(jane, id + "/start");
    admin.edit(id, state("STOPPED"));
    admin.edit(job, state("SUCCESS"));
    CHECK(jane.get(id).body["state"] == "STOPPED");
  }
  SECTION("an edit that is refused changes nothing") {
    const auto job = begin(jane, id + "/start");
    CHECK(admin.edit(job, {{"state", "SUCCESS"}, {"return-code", -1}}).status == 400);
    CHECK(jane.get(id).body["state"] == "STARTING");
  }
  SECTION("a target that is gone is no failure of the job's edit") {
    const auto job = begin(jane, id + "/start");
    jane.remove(id);
    CHECK(admin.edit(job, state("SUCCESS")).status == 200);
    CHECK(jane.get(id).status == 404);
  }
}

TEST_CASE("hook: removes the target when the payload says so", "[api][generic]") {
  const auto jane = as_user("jane");
  const auto admin = as_admin();
  const auto kept = jane.added("deployment", deployment());
  const auto gone = jane.added("deployment", deployment());
  for (const auto& id : {kept, gone}) admin.edit(id, state("STARTED"));
  admin.edit(begin(jane, kept + "/stop"), state("SUCCESS"));
  admin.edit(begin(jane, gone + "/stop", {{"delete", true}}), state("SUCCESS"));
  CHECK(jane.get(kept).body["state"] == "STOPPED");
  CHECK(jane.get(gone).status == 404);
}

TEST_CASE("JSON patch: changes what it says, all or nothing", "[api][generic]") {
  const auto jane = as_user("jane");
  const auto id = jane.added("deployment", deployment());
  auto operations = json::parse(R"([{"op":"add","path":"/tags","value":["a"]},
    {"op":"add","path":"/tags/-","value":"b"},{"op":"remove","path":"/name"}])");
  const auto done = jane.patch(id, operations);
  CHECK(done.status == 200);
  CHECK(done.body["tags"] == json::array({"a", "b"}));
  CHECK_FALSE(done.body.contains("name"));
  operations = json::parse(R"([{"op":"replace","path":"/tags","value":[]},
    {"op":"test","path":"/module/href","value":"module/x"}])");
  const auto failed = jane.patch(id, operations);
  CHECK(failed.status == 409);
  CHECK(failed.message().find("test /module/href) fails: it is \"module/wordpress\"") !=
        std::string::npos);
  CHECK(jane.get(id).body["tags"] == json::array({"a", "b"}));
  // By PATCH as well.
  const auto patch_type = "Content-Type: application/json-patch+json\r\n";
  operations = json::parse(R"([{"op":"remove","path":"/tags"}])");
  CHECK(jane.send("PATCH", id, operations, patch_type).status == 200);
  CHECK_FALSE(jane.get(id).body.contains("tags"));
}

TEST_CASE("JSON patch: what is not the caller's to change is refused", "[api][generic]") {
  const auto jane = as_user("jane");
  auto body = deployment();
  body["acl"]["owners"] = json::array({"user/jane"});
  body["acl"]["edit-meta"] = json::array({"user/joe"});
  body["secret"] = "s3";
  const auto id = jane.added("deployment", body);
  const auto joe = as_user("joe");
  const auto one = [](const char* text) { return json::array({json::parse(text)}); };
  CHECK(jane.patch(id, one(R"({"op":"replace","path":"/created","value":"x"})")).status == 400);
  CHECK(jane.patch(id, one(R"({"op":"replace","path":"/id","value":"job/1"})")).status == 400);
  CHECK(jane.patch(id, one(R"({"op":"replace","path":"/state","value":"ERROR"})")).status == 403);
  CHECK(jane.patch(id, one(R"({"op":"remove","path":"/acl"})")).status == 400);
  CHECK(jane.patch(id, one(R"({"op":"replace","path":"/module/href","value":"x"})")).status == 400);
  CHECK(joe.patch(id, one(R"({"op":"add","path":"/name","value":"n"})")).status == 200);
  CHECK(joe.patch(id, one(R"({"op":"add","path":"/x","value":1})")).status == 403);
  // It cannot be used to find out what one may not see.
  const auto guessed = joe.patch(id, one(R"({"op":"test","path":"/secret","value":"s3"})"));
  CHECK(guessed.status == 400);
  CHECK(guessed.message() ==
        joe.patch(id, one(R"({"op":"test","path":"/secret","value":"x"})")).message());
  CHECK(joe.patch(id, one(R"({"op":"copy","from":"/secret","path":"/name"})")).status == 400);
  CHECK(as_user("jim").patch(id, json::array()).status == 403);
}

TEST_CASE("JSON patch: other collections refuse it", "[api][generic]") {
  const auto admin = as_admin();
  const auto job = admin.added("job", {{"action", "a"}});
  const auto refused = admin.patch(job, json::array());
  CHECK(refused.status == 415);
  CHECK(refused.message().find("takes no JSON patches") != std::string::npos);
}

TEST_CASE("bulk: deletes rows the caller may delete, and counts these", "[api][generic]") {
  const auto jane = as_user("jane");
  const auto joe = as_user("joe");
  auto shared = deployment("bulk-delete");
  shared["acl"]["owners"] = json::array({"user/joe"});
  shared["acl"]["view-data"] = json::array({"user/jane"});
  const auto seen = joe.added("deployment", shared);
  const auto own = jane.added("deployment", deployment("bulk-delete"));
  CHECK(jane.bulk_delete("deployment", " ").status == 400);
  const auto answer = jane.bulk_delete("deployment", "name='bulk-delete'");
  CHECK(answer.status == 200);
  CHECK(answer.body["deleted"] == 1);
  CHECK(answer.body["total"] == 2);
  CHECK(answer.body["timed_out"] == false);
  CHECK(jane.get(own).status == 404);
  CHECK(joe.get(seen).status == 200);
  CHECK(as_admin().bulk_delete("deployment", "name='bulk-delete'").body["deleted"] == 1);
  CHECK(jane.bulk_delete("nuvlabox", "name='x'").status == 403);
}

TEST_CASE("bulk: tags are edited on rows the caller may edit", "[api][generic]") {
  const auto jane = as_user("jane");
  const auto own = jane.added("deployment", deployment("bulk-tags"));
  auto shared = deployment("bulk-tags");
  shared["acl"]["owners"] = json::array({"user/joe"});
  shared["acl"]["view-data"] = json::array({"user/jane"});
  const auto seen = as_user("joe").added("deployment", shared);
  const auto tag = [&](const char* edit, const json& tags) {
    return jane.bulk(std::string("deployment/") + edit,
                     {{"filter", "name='bulk-tags'"}, {"doc", {{"tags", tags}}}});
  };
  const auto set = tag("set-tags", {"a", "b"});
  CHECK(set.status == 200);
  CHECK(set.body["updated"] == 1);
  CHECK(set.body["total"] == 2);
  CHECK(tag("add-tags", {"b", "c"}).body["updated"] == 1);
  CHECK(tag("add-tags", {"b", "c"}).body["updated"] == 0);
  CHECK(jane.get(own).body["tags"] == json::array({"a", "b", "c"}));
  tag("remove-tags", {"a", "x"});
  CHECK(jane.get(own).body["tags"] == json::array({"b", "c"}));
  CHECK_FALSE(jane.get(seen).body.contains("tags"));
  CHECK(tag("set-tags", "x").status == 400);
  CHECK(jane.bulk("deployment/set-tags", {{"doc", {{"tags", {"x"}}}}}).status == 400);
  CHECK(
      jane.bulk("deployment/set-tags", {{"filter", "name="}, {"doc", {{"tags", {"x"}}}}}).status ==
      400);
}

TEST_CASE("bulk: an operation on many is one job", "[api][generic]") {
  const auto jane = as_user("jane");
  const auto answer =
      jane.bulk("deployment/bulk-stop", {{"filter", "name='x'"}, {"remove-volumes", true}});
  REQUIRE(answer.status == 202);
  const auto id = answer.header("Location");
  CHECK(answer.message() == "starting bulk_stop_deployment with async " + id);
  const auto job = as_admin().get(id).body;
  CHECK(job["action"] == "bulk_stop_deployment");
  CHECK(job["target-resource"]["href"] == "deployment");
  CHECK(job["acl"]["owners"] == json::array({"group/nuvla-admin"}));
  CHECK(job["acl"]["view-acl"] == json::array({"user/jane"}));
  const auto payload = json::parse(job["payload"].get<std::string>());
  CHECK(payload["filter"] == "name='x'");
  CHECK(payload["remove-volumes"] == true);
  CHECK(payload["authn-info"]["user-id"] == "user/jane");
  CHECK(payload["authn-info"]["active-claim"] == "user/jane");
  CHECK(payload["authn-info"]["claims"].size() == 3);
  CHECK(jane.bulk("deployment/bulk-stop", json::object()).status == 400);
  CHECK(jane.bulk("deployment/bulk-stop", {{"filter", "a="}}).status == 400);
  CHECK(jane.send("PATCH", "deployment/bulk-stop", {{"filter", "name='x'"}}).status == 400);
  CHECK(jane.bulk("deployment/bulk-check-dct", {{"filter", "name='x'"}}).status == 404);
  CHECK(jane.bulk("job/bulk-stop", {{"filter", "name='x'"}}).status == 404);
  const auto listed = jane.get("deployment?last=0").body;
  CHECK(offers(listed, "bulk-stop"));
}

TEST_CASE("bulk delete of jobs: administrators only", "[api][generic]") {
  const auto jane = as_user("jane");
  CHECK(jane.bulk_delete("job", "action='none'").status == 403);
  as_admin().added("job", {{"action", "to-be-bulk-deleted"}});
  CHECK(as_admin().bulk_delete("job", "action='to-be-bulk-deleted'").body["deleted"] == 1);
}

TEST_CASE("get-context: the target, what it refers to, and nothing one may not see",
          "[api][generic]") {
  const auto jane = as_user("jane");
  const auto admin = as_admin();
  json edge;
  edge["name"] = "edge";
  edge["acl"]["owners"] = json::array({"user/jane"});
  edge["acl"]["view-data"] = json::array({"nuvlabox/e1"});
  const auto visible = jane.added("nuvlabox", edge);
  const auto unseen = jane.added("nuvlabox", {{"name", "other"}});
  auto body = deployment();
  body["nuvlabox"] = "nuvlabox/e1";
  body["registries-credentials"] = json::array({visible, unseen, "credential/none", "user/jane"});
  body["acl"] = edge["acl"];
  const auto id = jane.added("deployment", body);
  const auto job = begin(jane, id + "/start");
  const auto all = admin.operate(job + "/get-context");
  CHECK(all.status == 200);
  CHECK(all.body.size() == 3);
  CHECK(all.body[id]["module"]["href"] == "module/wordpress");
  CHECK_FALSE(all.body[id].contains("acl"));
  CHECK_FALSE(all.body[id].contains("operations"));
  CHECK(all.body[visible]["name"] == "edge");
  CHECK(all.body.contains(unseen));
  const Caller machine(server().port(), "nuvlabox/e1 nuvlabox/e1 nuvlabox/e1 group/nuvla-nuvlabox");
  const auto part = machine.operate(job + "/get-context");
  CHECK(part.status == 200);
  CHECK(part.body.size() == 2);
  CHECK(part.body.contains(id));
  CHECK(part.body.contains(visible));
  CHECK(jane.operate(job + "/get-context").status == 403);
}

TEST_CASE("declared types: a declaration that is wrong ends the program with file and line",
          "[api][generic]") {
  const TemporaryDirectory folder;
  const auto file =
      folder.file("wrong.yaml", "resources:\n  robot:\n    operations:\n      go: {actoin: x}\n");
  std::string log;
  try {
    const ApiServer unused({{}, {"--resources", file}, {}});
  } catch (const std::exception& error) {
    log = error.what();
  }
  INFO(log);
  CHECK(log.find("wrong.yaml:4: resources.robot.operations.go: unknown key \"actoin\"; did you "
                 "mean \"action\"?") != std::string::npos);
}

}  // namespace
}  // namespace jobengine::tests
