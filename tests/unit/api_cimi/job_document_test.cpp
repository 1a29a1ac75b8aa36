#include "api/cimi/job_document.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "api/cimi/cimi_error.hpp"

namespace jobengine::api::cimi {
namespace {

using access::Identity;
using nlohmann::json;

const WallTime noon(std::chrono::milliseconds(1714996800000));  // 2024-05-06T12:00:00Z
const WallTime later = noon + std::chrono::milliseconds(90500);

Identity admin() {
  return access::read_authn_info("group/nuvla-admin");
}
Identity jane() {
  return access::read_authn_info("user/jane user/jane group/nuvla-user");
}

json added(const char* body) {
  return new_job(json::parse(body), "job/1", admin(), noon);
}

json edited(const json& job, const char* changes, std::vector<std::string> removed = {}) {
  return edited_job(job, {json::parse(changes), std::move(removed)}, admin(), later);
}

int status_of(const std::function<void()>& call, std::string* message = nullptr) {
  try {
    call();
  } catch (const CimiError& error) {
    if (message != nullptr) *message = error.what();
    return error.status;
  }
  return 0;
}

TEST_CASE("add: a job begins QUEUED, in push mode, owned by who made it", "[api]") {
  const auto job = added(R"({"action": "dummy_test_action", "state": "SUCCESS", "id": "job/evil",
                             "created": "x", "operations": []})");
  CHECK(job["id"] == "job/1");
  CHECK(job["resource-type"] == "job");
  CHECK(job["state"] == "QUEUED");
  CHECK(job["execution-mode"] == "push");
  CHECK(job["progress"] == 0);
  CHECK(job["version"] == 2);
  CHECK(job["created"] == "2024-05-06T12:00:00.000Z");
  CHECK(job["updated"] == job["created"]);
  CHECK(job["created-by"] == "group/nuvla-admin");
  CHECK(job["acl"]["owners"] == json({"group/nuvla-admin"}));
  CHECK_FALSE(job.contains("priority"));
  CHECK(needs_entry(job));
}

TEST_CASE("add: the target becomes an affected resource, once", "[api]") {
  const auto job = added(R"({"action": "a", "target-resource": {"href": "deployment/1"}})");
  CHECK(job["affected-resources"] == json::parse(R"([{"href": "deployment/1"}])"));
  const auto again = added(R"({"action": "a", "target-resource": {"href": "deployment/1"},
                               "affected-resources": [{"href": "deployment/1"}]})");
  CHECK(again["affected-resources"].size() == 1);
  const auto whole = added(R"({"action": "a", "affected-resources": [{"href": "nuvlabox/1"}],
                               "target-resource": {"href": "deployment/1", "more": 1}})");
  CHECK(whole["affected-resources"] ==
        json::parse(R"([{"href": "nuvlabox/1"}, {"href": "deployment/1", "more": 1}])"));
}

TEST_CASE("add: a job in pull mode needs no entry and keeps its tags", "[api]") {
  const auto job = added(R"({"action": "a", "execution-mode": "pull", "tags": ["x"]})");
  CHECK_FALSE(needs_entry(job));
  CHECK(job["tags"] == json({"x"}));
  CHECK(added(R"({"action": "a", "tags": ["x"]})")["tags"] == json({"awaits-entry"}));
}

TEST_CASE("add: what does not fit the schema is named with what was expected", "[api]") {
  std::string message;
  const auto refused = [&](const char* body) {
    return status_of([&] { added(body); }, &message) == 400;
  };
  CHECK(refused(R"({"action": "a", "colour": "red"})"));
  CHECK(message.starts_with("resource job/1 does not satisfy defined schema:\n"));
  CHECK(message.find("colour: unknown attribute") != std::string::npos);
  CHECK(refused(R"({})"));
  CHECK(message.find("action: missing") != std::string::npos);
  CHECK(refused(R"({"action": " "})"));
  CHECK(refused(R"({"action": "a", "priority": 1000})"));
  CHECK(message.find("priority: 1000, expected an integer from 0") != std::string::npos);
  CHECK(refused(R"({"action": "a", "priority": "7"})"));
  CHECK(refused(R"({"action": "a", "progress": 101})"));
  CHECK(refused(R"({"action": "a", "execution-mode": "later"})"));
  CHECK(refused(R"({"action": "a", "target-resource": "deployment/1"})"));
  CHECK(refused(R"({"action": "a", "target-resource": {"href": "Deployment/1"}})"));
  CHECK(refused(R"({"action": "a", "affected-resources": []})"));
  CHECK(refused(R"({"action": "a", "return-code": -1})"));
  CHECK(refused(R"({"action": "a", "parent-job": "job/A"})"));
  CHECK(refused(R"({"action": "a", "payload": {"a": 1}})"));
  CHECK(refused(R"({"action": "a", "expiry": "tomorrow"})"));
  CHECK(refused(R"({"action": "a", "tags": ["x", "x"], "execution-mode": "pull"})"));
  CHECK(refused(R"({"action": "a", "acl": {"owners": []}})"));
  CHECK(refused(R"({"action": null})"));
}

TEST_CASE("add: each offence has a line of its own that says where, what and what was expected",
          "[api]") {
  std::string message;
  const auto status = status_of(
      [&] {
        added(R"({"progress": 101, "target-resource": {"href": "Deployment/1", "zone": 7},
                  "affected-resources": [{"href": "deployment/1"}, {"name": "x"}, 7],
                  "nested-jobs": ["job/1", "job/A"], "tags": ["x", "y", "x"], "colour": "red",
                  "execution-mode": "pull", "duration": 9223372036854775808,
                  "acl": {"owners": ["jane"], "view": ["user/x"], "manage": "user/x"}})");
      },
      &message);
  CHECK(status == 400);
  CHECK(message ==
        "resource job/1 does not satisfy defined schema:\n"
        "acl/owners[0]: \"jane\", expected a principal such as \"user/jane\" or \"group/x\"\n"
        "acl/manage: \"user/x\", expected an array of distinct principals\n"
        "acl/view: unknown attribute\n"
        "tags[2]: \"x\" is there twice, expected an array of distinct strings\n"
        "action: missing, expected a string that is not blank\n"
        "progress: 101, expected an integer from 0 to 100\n"
        "target-resource/href: \"Deployment/1\", expected a resource id such as "
        "\"deployment/1234\"\n"
        "affected-resources[1]/href: missing, expected a resource id such as \"deployment/1234\"\n"
        "affected-resources[2]: 7, expected a map with a resource id as 'href'\n"
        "nested-jobs[1]: \"job/A\", expected a job id such as \"job/1234\"\n"
        "duration: 9223372036854775808, expected an integer of at least 0 and less than 2^63\n"
        "colour: unknown attribute");
}

TEST_CASE("add: a thousand offences make an answer of a few lines", "[api]") {
  json body = {{"action", "a"}, {"execution-mode", "pull"}, {"tags", json::array()}};
  for (int count = 0; count < 1000; ++count) body["tags"].push_back(count);
  std::string message;
  CHECK(status_of([&] { new_job(body, "job/1", admin(), noon); }, &message) == 400);
  CHECK(std::count(message.begin(), message.end(), '\n') == 26);
  CHECK(message.ends_with("\n… and 975 more"));
}

TEST_CASE("edit: the first RUNNING sets started, the end sets progress and duration", "[api]") {
  auto job = added(R"({"action": "a", "priority": 50})");
  job = edited_job(job, {json::parse(R"({"state": "RUNNING"})"), {}}, admin(), noon);
  CHECK(job["started"] == "2024-05-06T12:00:00.000Z");
  CHECK(job["priority"] == 50);
  job = edited(job, R"({"state": "FAILED", "return-code": 3})");
  CHECK(job["progress"] == 100);
  CHECK(job["duration"] == 90);
  CHECK(job["started"] == "2024-05-06T12:00:00.000Z");
  CHECK(job["updated"] == "2024-05-06T12:01:30.500Z");
  CHECK(job["updated-by"] == "group/nuvla-admin");
}

TEST_CASE("edit: a final state is final", "[api]") {
  for (const char* state : {"SUCCESS", "FAILED", "CANCELED"}) {
    auto job = added(R"({"action": "a"})");
    job["state"] = state;
    std::string message;
    CHECK(status_of([&] { edited(job, R"({"progress": 1})"); }, &message) == 409);
    CHECK(message == "edit is not allowed in final state");
  }
}

TEST_CASE("edit: merges top-level attributes, select removes first", "[api]") {
  auto job = added(R"({"action": "a", "payload": "{}", "description": "d"})");
  job = edited(job, R"({"payload": "{\"x\":1}"})", {"payload", "description", "id", "acl"});
  CHECK(job["payload"] == "{\"x\":1}");
  CHECK_FALSE(job.contains("description"));
  CHECK(job["id"] == "job/1");
  CHECK(job.contains("acl"));
  CHECK(status_of([&] { edited(job, "{}", {"action"}); }) == 400);
}

TEST_CASE("edit: what the server sets is not taken from the body", "[api]") {
  const auto job = added(R"({"action": "a"})");
  const auto after = edited(job, R"({"id": "job/2", "created": "x", "resource-type": "y",
                                     "created-by": "user/eve", "operations": []})");
  CHECK(after["id"] == "job/1");
  CHECK(after["created"] == job["created"]);
  CHECK(after["created-by"] == "group/nuvla-admin");
  CHECK_FALSE(after.contains("operations"));
}

TEST_CASE("edit: without the right 403, without being admin no other action", "[api]") {
  auto job =
      added(R"({"action": "a", "acl": {"owners": ["user/joe"], "edit-data": ["user/jane"]}})");
  const auto stranger = access::read_authn_info("user/eve");
  CHECK(status_of([&] { edited_job(job, {json::object(), {}}, stranger, later); }) == 403);
  JobEdit edit{json::parse(R"({"action": "b", "progress": 5, "acl": {"owners": ["user/jane"]}})"),
               {"target-resource"}};
  const auto after = edited_job(job, edit, jane(), later);
  CHECK(after["action"] == "a");
  CHECK(after["progress"] == 5);
  CHECK(after["acl"] == job["acl"]);
}

TEST_CASE("status message: kept up to 100000 characters, then its two ends", "[api]") {
  const auto job = added(R"({"action": "a"})");
  json changes;
  changes["status-message"] = std::string(100000, 'x');
  CHECK(edited_job(job, {changes, {}}, admin(), later)["status-message"] ==
        changes["status-message"]);
  std::string letters;
  for (int count = 0; count < 50001; ++count) letters += "é";
  for (int count = 0; count < 50001; ++count) letters += "ü";
  changes["status-message"] = letters;
  const auto after = edited_job(job, {changes, {}}, admin(), later);
  const auto text = after["status-message"].get<std::string>();
  CHECK(text.size() == 50000 * 4 + 5);
  CHECK(text.substr(99998, 9) == "é\n...\nü");
  CHECK(after["time-of-status-change"] == "2024-05-06T12:01:30.500Z");
}

TEST_CASE("cancel: CANCELED, complete, with its duration", "[api]") {
  auto job = added(R"({"action": "bulk_stop_deployment"})");
  job["started"] = timestamp(noon);
  const auto after = ended_job(job, jane(), later);
  CHECK(after["state"] == "CANCELED");
  CHECK(after["progress"] == 100);
  CHECK(after["duration"] == 90);
  CHECK(after["updated-by"] == "user/jane");
  CHECK(is_final_state(after));
  CHECK(is_bulk(after));
}

TEST_CASE("cancel: the children's job is urgent and has the bulk job's acl", "[api]") {
  const auto job = added(R"({"action": "bulk_x", "acl": {"owners": ["user/joe"]}})");
  const auto children = cancel_children_job(job, "job/2", later);
  CHECK(children["action"] == "cancel_children_jobs");
  CHECK(children["target-resource"]["href"] == "job/1");
  CHECK(children["priority"] == 10);
  CHECK(children["created-by"] == "internal");
  CHECK(children["acl"] == job["acl"]);
  CHECK(needs_entry(children));
}

TEST_CASE("a job is tagged as long as it waits for its entry", "[api]") {
  const auto job = added(R"({"action": "a"})");
  CHECK(job["tags"] == json({"awaits-entry"}));
  CHECK(edited(job, R"({"progress": 1, "tags": ["x"]})")["tags"] == json({"awaits-entry"}));
  CHECK_FALSE(edited(job, R"({"state": "RUNNING"})").contains("tags"));
  CHECK_FALSE(edited(job, R"({"execution-mode": "pull"})").contains("tags"));
  CHECK_FALSE(ended_job(job, admin(), later).contains("tags"));
  auto queued = job;
  queued["tags"] = {"/job/entries/entry-999-0000000001"};
  CHECK(edited(queued, R"({"state": "RUNNING"})")["tags"] == queued["tags"]);
  CHECK(edited(queued, R"({"tags": ["monitor"]})")["tags"] == json({"monitor"}));
}

TEST_CASE("a job that runs, has ended or is pulled needs no entry", "[api]") {
  auto job = added(R"({"action": "a", "execution-mode": "mixed"})");
  CHECK(needs_entry(job));
  job["state"] = "RUNNING";
  CHECK_FALSE(needs_entry(job));
  job["state"] = "QUEUED";
  job["execution-mode"] = "pull";
  CHECK_FALSE(needs_entry(job));
}

}  // namespace
}  // namespace jobengine::api::cimi
