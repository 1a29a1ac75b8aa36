#include <catch2/catch.hpp>

#include "tests/support/temporary_directory.hpp"
#include "tests/unit/actions/builtin_action.hpp"

using namespace jobengine;
using Catch::Contains;
using nlohmann::json;

namespace {

const char* const jane =
    R"({"filter":"name='x'","remove-volumes":true,"authn-info":{"user-id":"user/jane",
        "active-claim":"user/jane","claims":["user/jane","group/nuvla-user"]}})";
const std::string bulk_id = testing::FakeJob().id;

json found(const std::vector<std::string>& ids) {
  json rows = json::array();
  for (const auto& id : ids) rows.push_back({{"id", id}});
  return {{"count", rows.size()}, {"resources", rows}};
}

json children_of(const std::vector<std::string>& targets) {
  json rows = json::array();
  for (const auto& target : targets) rows.push_back({{"target-resource", {{"href", target}}}});
  return {{"count", rows.size()}, {"resources", rows}};
}

json offering(const char* operation) {
  return {{"id", bulk_id}, {"operations", json::array({{{"rel", operation}}})}};
}

struct Bulk {
  explicit Bulk(const std::string& payload = jane,
                const std::string& action = "bulk_stop_deployment")
      : host({.payload = payload, .target = "deployment", .action = action}) {}
  Bulk& over(const std::vector<std::string>& ids, const std::vector<std::string>& begun = {}) {
    host.answer("GET", bulk_id, 200, offering("cancel"));
    host.answer("PUT", "deployment", 200, found(ids));
    host.answer("PUT", "job", 200, children_of(begun));
    host.answer("PUT", bulk_id, 200, json::object());
    return *this;
  }
  testing::RunResult run() {
    const tests::PluginAction action("bulk_operation", "bulk_*");
    return action.run(host);
  }
  json result() const { return json::parse(host.status()); }
  testing::FakeHost host;
};

json answered(int status) {
  return {{"status", status}};
}

}  // namespace

TEST_CASE("bulk operation: children are made as who asked, and the monitor finishes",
          "[actions][bulk]") {
  Bulk bulk;
  bulk.over({"deployment/a", "deployment/b"});
  bulk.host.answer("POST", "deployment/a/stop", 202, answered(202));
  bulk.host.answer("POST", "deployment/b/stop", 202, answered(202));
  const auto result = bulk.run();
  INFO(result.message);
  CHECK(result.outcome == JE_OUTCOME_LEFT_RUNNING);
  const auto posts = bulk.host.requests("POST", "deployment/a/stop");
  REQUIRE(posts.size() == 1);
  CHECK(posts[0].as_identity == "user/jane user/jane user/jane group/nuvla-user");
  const json expected{{"low-priority", true}, {"parent-job", bulk_id}, {"remove-volumes", true}};
  CHECK(json::parse(posts[0].body) == expected);
  const auto search = bulk.host.requests("PUT", "deployment");
  CHECK(search[0].as_identity == posts[0].as_identity);
  const auto edits = bulk.host.requests("PUT", bulk_id);
  REQUIRE(edits.size() == 1);
  CHECK(edits[0].as_identity.empty());
  const auto edit = json::parse(edits[0].body);
  CHECK(edit["tags"] == json::array({"monitor"}));
  const auto told = json::parse(edit["status-message"].get<std::string>());
  CHECK(told["total_actions"] == 2);
  CHECK(told["queued"] == json::array({"deployment/a", "deployment/b"}));
  CHECK(told["jobs_count"] == 2);
}

TEST_CASE("bulk operation: without children it is over at once", "[actions][bulk]") {
  Bulk bulk;
  bulk.over({"deployment/a", "deployment/b", "deployment/c"});
  bulk.host.answer("POST", "deployment/a/stop", 200, json::object());
  for (const char* id : {"deployment/b", "deployment/c"}) {
    const std::string message = std::string("stop is not possible now for ") + id + ": no";
    bulk.host.answer("POST", std::string(id) + "/stop", 409, {{"message", message}});
  }
  const auto result = bulk.run();
  CHECK(result.outcome == JE_OUTCOME_RETURN_CODE);
  CHECK(result.return_code == 0);
  CHECK(bulk.result()["success"] == json::array({"deployment/a"}));
  CHECK(bulk.result()["failed_count"] == 2);
  const auto reasons = bulk.result()["error_reasons"];
  REQUIRE(reasons.size() == 1);
  CHECK(reasons[0]["reason"] == "stop is not possible now for the resource: no");
  CHECK(reasons[0]["count"] == 2);
}

TEST_CASE("bulk operation: nothing found is a success", "[actions][bulk]") {
  Bulk bulk;
  bulk.over({});
  CHECK(bulk.run().return_code == 0);
  CHECK(bulk.result()["total_actions"] == 0);
}

TEST_CASE("bulk operation: a second attempt makes no second child", "[actions][bulk]") {
  Bulk bulk;
  bulk.over({"deployment/a", "deployment/b"}, {"deployment/a"});
  bulk.host.answer("POST", "deployment/b/stop", 202, answered(202));
  CHECK(bulk.run().outcome == JE_OUTCOME_LEFT_RUNNING);
  CHECK(bulk.host.requests("POST", "deployment/a/stop").empty());
  CHECK(bulk.result()["queued_count"] == 2);
}

TEST_CASE("bulk operation: an executor nobody believes does nothing as itself", "[actions][bulk]") {
  Bulk bulk;
  bulk.host.answer("GET", bulk_id, 200, offering("edit"));
  const auto result = bulk.run();
  CHECK(result.outcome == JE_OUTCOME_FAILED);
  CHECK_THAT(result.message, Contains("not trusted to act for others"));
  CHECK(bulk.host.requests("PUT", "deployment").empty());
}

TEST_CASE("bulk operation: an administrator needs no trust", "[actions][bulk]") {
  Bulk bulk(
      R"({"filter":"a=1","authn-info":{"user-id":"user/root","active-claim":"group/nuvla-admin",
                "claims":["group/nuvla-admin"]}})");
  bulk.host.answer("GET", bulk_id, 200, offering("edit"));
  bulk.host.answer("PUT", "deployment", 200, found({}));
  bulk.host.answer("PUT", "job", 200, children_of({}));
  CHECK(bulk.run().return_code == 0);
}

// What job-api without --trust-authn-header answers to an executor that logs in.
TEST_CASE("bulk operation: taken for nobody, only administrators are served", "[actions][bulk]") {
  Bulk others;
  others.host.answer("GET", bulk_id, 403, {{"message", "credentials required"}});
  const auto refused = others.run();
  CHECK(refused.outcome == JE_OUTCOME_FAILED);
  CHECK_THAT(refused.message, Contains("not trusted to act for others"));
  CHECK(others.host.requests("PUT", "deployment").empty());
  Bulk administrator(
      R"({"filter":"a=1","authn-info":{"user-id":"user/root","active-claim":"user/root",
                "claims":["user/root","group/nuvla-admin"]}})");
  administrator.host.answer("GET", bulk_id, 403, {{"message", "credentials required"}});
  administrator.host.answer("PUT", bulk_id, 200, json::object());
  administrator.host.answer("PUT", "deployment", 200, found({"deployment/a"}));
  administrator.host.answer("PUT", "job", 200, children_of({}));
  administrator.host.answer("POST", "deployment/a/stop", 202, answered(202));
  CHECK(administrator.run().outcome == JE_OUTCOME_LEFT_RUNNING);
  const auto posts = administrator.host.requests("POST", "deployment/a/stop");
  REQUIRE(posts.size() == 1);
  CHECK(posts[0].as_identity.empty());
}

TEST_CASE("bulk operation: what it cannot read is said", "[actions][bulk]") {
  const auto refusal = [](const std::string& payload, const std::string& action) {
    Bulk bulk(payload, action);
    const auto result = bulk.run();
    CHECK(result.outcome == JE_OUTCOME_FAILED);
    CHECK(bulk.host.requests().empty());
    return result.message;
  };
  CHECK_THAT(refusal("{}", "bulk_stop_deployment"), Contains("\"filter\" is missing"));
  CHECK_THAT(refusal(R"({"filter":"a=1"})", "bulk_stop_deployment"), Contains("authn-info"));
  CHECK_THAT(refusal(R"({"filter":"a=1","authn-info":{"user-id":"u"}})", "bulk_stop_deployment"),
             Contains("active-claim"));
  CHECK_THAT(refusal(jane, "bulk_stop_nuvlabox"), Contains("bulk_<operation>_<type>"));
  CHECK_THAT(refusal(jane, "bulk_deployment"), Contains("bulk_<operation>_<type>"));
}
