// cleanup_jobs and cancel_children_jobs: what they ask of the API, and what they make of its
// answers.
#include <catch2/catch.hpp>

#include "tests/unit/actions/builtin_action.hpp"

using namespace jobengine;
using Catch::Contains;
using nlohmann::json;

namespace {

json found(const std::vector<std::string>& ids) {
  json rows = json::array();
  for (const auto& id : ids) rows.push_back({{"id", id}});
  return {{"count", ids.size()}, {"resources", rows}};
}

testing::RunResult cleanup(testing::FakeHost& host) {
  return tests::BuiltinAction("cleanup_jobs").run(host);
}

testing::RunResult cancel_children(testing::FakeHost& host) {
  return tests::BuiltinAction("cancel_children_jobs").run(host);
}

}  // namespace

TEST_CASE("cleanup_jobs: one bulk delete, byte for byte as Nuvla's engine sends it", "[actions]") {
  testing::FakeHost host({.target = "job"});
  host.answer("DELETE", "job", 200, {{"deleted", 12}, {"timed_out", false}});
  REQUIRE(cleanup(host).return_code == 0);
  const auto requests = host.requests();
  REQUIRE(requests.size() == 1);
  REQUIRE(requests[0].headers == "bulk: yes");
  REQUIRE(
      requests[0].body ==
      "filter=state%3D%5B%27SUCCESS%27%2C+%27FAILED%27%2C+%27CANCELED%27%5D+and+created%3C%27now-"
      "7d%27");
  REQUIRE(host.status() == "Cleanup of completed jobs finished. Removed 12 jobs.");
}

TEST_CASE("cleanup_jobs: the age is the payload's", "[actions]") {
  testing::FakeHost host({.payload = R"({"older-than": "36h"})"});
  host.answer("DELETE", "job", 200, {{"deleted", 0}, {"timed_out", true}});
  REQUIRE(cleanup(host).return_code == 0);
  REQUIRE_THAT(host.requests()[0].body, Contains("now-36h%27"));
  REQUIRE(host.status() == "Cleanup of completed jobs timed out. Removed 0 jobs so far.");
  for (const char* wrong : {"7", "d", "-7d", "7d'", "7 d", "", "9999999d"}) {
    testing::FakeHost refusing({.payload = json{{"older-than", wrong}}.dump()});
    const auto result = cleanup(refusing);
    REQUIRE(result.outcome == JE_OUTCOME_FAILED);
    REQUIRE_THAT(result.message, Contains("\"older-than\" must be a number and one of"));
    REQUIRE(refusing.requests().empty());
  }
}

TEST_CASE("cleanup_jobs: an API that refuses fails the job", "[actions]") {
  testing::FakeHost host;
  host.answer("DELETE", "job", 403, {{"message", "credentials required"}});
  REQUIRE(cleanup(host).message == "jobengine::ApiError: DELETE job: 403: credentials required");
}

TEST_CASE("cancel_children_jobs: cancels every open child, until none is new", "[actions]") {
  testing::FakeHost host({.target = "job/parent"});
  host.answer("PUT", "job", 200, found({"job/a", "job/b"}));
  host.answer("PUT", "job", 200, found({"job/b", "job/c"}));  // one appeared meanwhile
  host.answer("PUT", "job", 200, found({"job/c"}));           // the search lags behind
  host.answer("PUT", "job", 200, found({}));                  // their children
  for (const char* id : {"job/a", "job/b", "job/c"}) {
    host.answer("POST", std::string(id) + "/cancel", 200, {{"state", "CANCELED"}});
  }
  REQUIRE(cancel_children(host).return_code == 0);
  REQUIRE(host.status() == "Canceled 3 jobs.");
  const auto searches = host.requests("PUT", "job");
  REQUIRE(searches.size() == 4);
  REQUIRE(searches[0].body ==
          "filter=parent-job%3D%22job%2Fparent%22+and+state%3D%5B%27RUNNING%27%2C+%27QUEUED%27%5D&"
          "select="
          "id%2C+operations");
  REQUIRE_THAT(searches[3].body,
               Contains("parent-job%3D%5B%27job%2Fa%27%2C+%27job%2Fb%27%2C+%27job%2Fc"));
}

TEST_CASE("cancel_children_jobs: goes down to the children's children", "[actions]") {
  testing::FakeHost host({.target = "job/parent"});
  for (const auto& level : {found({"job/a"}), found({}), found({"job/aa"}), found({}), found({})}) {
    host.answer("PUT", "job", 200, level);
  }
  host.answer("POST", "job/a/cancel", 200, json::object());
  host.answer("POST", "job/aa/cancel", 200, json::object());
  REQUIRE(cancel_children(host).return_code == 0);
  REQUIRE(host.status() == "Canceled 2 jobs.");
}

TEST_CASE("cancel_children_jobs: a child that ended by itself is no failure, a refusal is",
          "[actions]") {
  testing::FakeHost host({.target = "job/parent"});
  host.answer("PUT", "job", 200, found({"job/over", "job/gone", "job/kept"}));
  host.answer("PUT", "job", 200, found({}));
  host.answer("PUT", "job", 200, found({}));
  host.answer("POST", "job/over/cancel", 403, {{"message", "invalid credentials for 'job/over'"}});
  host.answer("GET", "job/over", 200, {{"state", "SUCCESS"}});
  host.answer("POST", "job/kept/cancel", 403, {{"message", "invalid credentials for 'job/kept'"}});
  host.answer("GET", "job/kept", 200, {{"state", "RUNNING"}});
  REQUIRE(cancel_children(host).return_code == 1);
  REQUIRE_THAT(host.status(), Contains("Canceled 0 jobs. 1 could not be canceled:") &&
                                  Contains("POST job/kept/cancel: 403"));
}

TEST_CASE("cancel_children_jobs: needs a parent job", "[actions]") {
  testing::FakeHost host;
  REQUIRE_THAT(cancel_children(host).message, Contains("needs a target resource"));
}
