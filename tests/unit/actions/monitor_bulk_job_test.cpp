#include <catch2/catch.hpp>

#include "tests/unit/actions/builtin_action.hpp"

using namespace jobengine;
using Catch::Contains;
using nlohmann::json;

namespace {

json bulk_job(const json& result, int progress = 0) {
  return {{"id", "job/B"},
          {"state", "RUNNING"},
          {"progress", progress},
          {"tags", {"monitor"}},
          {"status-message", result.is_string() ? result.get<std::string>() : result.dump()}};
}

json children(const std::vector<std::string>& states) {
  json rows = json::array();
  for (std::size_t i = 0; i < states.size(); ++i) {
    const auto number = std::to_string(i);
    rows.push_back({{"id", "job/" + number},
                    {"state", states[i]},
                    {"target-resource", {{"href", "deployment/" + number}}}});
  }
  return {{"count", rows.size()}, {"resources", rows}};
}

json handed_over(int total, int jobs) {
  return {{"total_actions", total}, {"jobs_count", jobs}};
}

// One look; the requests and answers are the host's.
class Look {
 public:
  Look(const json& bulk, const json& found, const std::string& payload = "")
      : host({.payload = payload, .target = "job/B"}) {
    host.answer("GET", "job/B", 200, bulk);
    host.answer("PUT", "job", 200, found);
  }
  // The bulk job was created lately.
  Look& young() {
    host.answer("PUT", "job", 200, {{"count", 1}});
    return *this;
  }
  // Runs it and returns what the bulk job was edited with (null: not at all).
  json changes() {
    host.answer("PUT", "job/B", 200, json::object());
    const tests::BuiltinAction action("monitor_bulk_job");
    result = action.run(host);
    const auto edits = host.requests("PUT", "job/B");
    return edits.empty() ? json() : json::parse(edits.front().body);
  }
  json bulk_result(const json& edit) const {
    return json::parse(edit["status-message"].get<std::string>());
  }

  testing::FakeHost host;
  testing::RunResult result;
};

}  // namespace

TEST_CASE("monitor_bulk_job: finishes the bulk job when every child is over", "[actions]") {
  Look look(bulk_job(handed_over(3, 3)), children({"SUCCESS", "SUCCESS", "SUCCESS"}));
  const auto edit = look.changes();
  REQUIRE(look.result.return_code == 0);
  REQUIRE(edit["state"] == "SUCCESS");
  REQUIRE(edit["return-code"] == 0);
  REQUIRE(edit["progress"] == 100);
  const auto result = look.bulk_result(edit);
  REQUIRE(result["success"] == json{"deployment/0", "deployment/1", "deployment/2"});
  REQUIRE(result["success_count"] == 3);
  REQUIRE(result["queued_count"] == 0);
  REQUIRE(result["failed_count"] == 0);
  REQUIRE(look.host.progress() == 10);
  const auto search = look.host.requests("PUT", "job");
  REQUIRE(search.size() == 1);
  REQUIRE(search[0].body ==
          "filter=parent-job%3D%22job%2FB%22&last=10000&select=id%2C+target-resource%2C+state");
}

TEST_CASE("monitor_bulk_job: no number of children leaves progress short of 100", "[actions]") {
  for (const std::size_t n : {1U, 49U, 161U, 322U, 685U}) {
    for (const int before : {0, 1, 50, 99}) {
      Look look(bulk_job(handed_over(static_cast<int>(n), static_cast<int>(n)), before),
                children(std::vector<std::string>(n, "SUCCESS")));
      const auto edit = look.changes();
      REQUIRE(edit["progress"] == 100);
      REQUIRE(edit["state"] == "SUCCESS");
    }
  }
}

TEST_CASE("monitor_bulk_job: progress is the share that is over, and looking again adds nothing",
          "[actions]") {
  std::vector<std::string> states(50, "SUCCESS");
  states.resize(100, "RUNNING");
  Look first(bulk_job(handed_over(100, 100)), children(states));
  const auto edit = first.young().changes();
  REQUIRE(edit["progress"] == 50);
  REQUIRE_FALSE(edit.contains("state"));
  REQUIRE(first.bulk_result(edit)["running_count"] == 50);
  REQUIRE(first.bulk_result(edit)["running"][0] == "job/50");

  Look second(bulk_job(edit["status-message"], 50), children(states));
  REQUIRE(second.young().changes().is_null());
  REQUIRE(second.result.return_code == 0);
}

TEST_CASE("monitor_bulk_job: actions that needed no child count as over", "[actions]") {
  const json handed = {
      {"total_actions", 10},
      {"jobs_count", 4},
      {"success", {"deployment/x"}},
      {"success_count", 1},
      {"skipped_count", 3},
      {"failed_count", 2},
      {"error_reasons",
       {{{"reason", "Offline Edges"},
         {"category", "skipped"},
         {"count", 3},
         {"data", json::array()}},
        {{"reason", "403"}, {"category", "failed"}, {"count", 2}, {"data", json::array()}}}}};
  Look look(bulk_job(handed, 60), children({"SUCCESS", "FAILED", "CANCELED", "QUEUED"}));
  const auto edit = look.young().changes();
  REQUIRE(edit["progress"] == 90);
  const auto result = look.bulk_result(edit);
  REQUIRE(result["success_count"] == 2);
  REQUIRE(result["failed_count"] == 4);
  REQUIRE(result["skipped_count"] == 3);
  REQUIRE(result["queued"] == json{"job/3"});
  REQUIRE(result["error_reasons"].size() == 4);
  REQUIRE(result["error_reasons"][0]["reason"] == "Offline Edges");
  REQUIRE(result["error_reasons"][3]["reason"] == "Job failed");
  REQUIRE(result["error_reasons"][3]["data"] == json{{{"id", "deployment/1"}, {"count", 1}}});
}

TEST_CASE("monitor_bulk_job: a result that cannot be read is made anew", "[actions]") {
  for (const json& broken :
       {json("{\"total_actions\": 3, \"succ\n...\nss\"]}"), json(""), json("[1]"),
        json(R"({"total_actions": "x", "success": 3, "error_reasons": {"a": 1}})")}) {
    Look look(bulk_job(broken), children({"SUCCESS", "FAILED"}));
    const auto edit = look.changes();
    REQUIRE(look.result.outcome == JE_OUTCOME_RETURN_CODE);
    REQUIRE(edit["state"] == "SUCCESS");
    const auto result = look.bulk_result(edit);
    REQUIRE(result["total_actions"] == 2);
    REQUIRE(result["success_count"] == 1);
    REQUIRE(result["failed_count"] == 1);
  }
}

TEST_CASE(
    "monitor_bulk_job: the result never grows beyond what the API keeps, its counts stay right",
    "[actions]") {
  json found = children(std::vector<std::string>(5000, "SUCCESS"));
  for (auto& row : found["resources"]) {
    row["target-resource"]["href"] =
        "deployment/11111111-2222-3333-4444-" + row["id"].get<std::string>().substr(4);
  }
  Look first(bulk_job(handed_over(5001, 5000)), found);
  const auto edit = first.changes();
  REQUIRE(edit["status-message"].get<std::string>().size() < 100000);
  REQUIRE(first.bulk_result(edit)["success_count"] == 5001);
  // The list was shortened, which another look must not mistake for fewer successes.
  found["resources"].push_back({{"id", "job/last"}, {"state", "RUNNING"}});
  found["count"] = 5001;
  Look second(bulk_job(edit["status-message"]), found);
  const auto again = second.young().changes();
  REQUIRE(second.bulk_result(again)["success_count"] == 5000);
  REQUIRE(again["progress"] == 99);
}

TEST_CASE("monitor_bulk_job: cancels a bulk job nothing of which has moved for long", "[actions]") {
  Look look(bulk_job(handed_over(2, 2)), children({"SUCCESS", "RUNNING"}),
            R"({"expire-after": "2h"})");
  look.host.answer("PUT", "job", 200, {{"count", 0}});  // not created lately
  look.host.answer("PUT", "job", 200, {{"count", 0}});  // no child changed lately
  look.host.answer("POST", "job/B/cancel", 200, json::object());
  REQUIRE(look.changes().is_null());
  REQUIRE(look.result.return_code == 0);
  REQUIRE(look.host.requests("POST", "job/B/cancel").size() == 1);
  const auto searches = look.host.requests("PUT", "job");
  REQUIRE(searches[1].body == "filter=%28id%3D%22job%2FB%22+and+created%3E%22now-2h%22%29&last=0");
}

TEST_CASE("monitor_bulk_job: an old bulk job whose children still move goes on", "[actions]") {
  Look look(bulk_job(handed_over(2, 2)), children({"SUCCESS", "RUNNING"}));
  look.host.answer("PUT", "job", 200, {{"count", 0}});
  look.host.answer("PUT", "job", 200, {{"count", 1}});
  REQUIRE(look.changes()["progress"] == 50);
}

TEST_CASE("monitor_bulk_job: more children than one answer holds are counted", "[actions]") {
  auto found = children({"SUCCESS", "SUCCESS"});
  found["count"] = 12000;
  Look look(bulk_job(handed_over(12000, 12000)), found);
  look.host.answer("PUT", "job", 200, {{"count", 3000}});
  const auto edit = look.young().changes();
  REQUIRE(edit["progress"] == 75);
  REQUIRE_FALSE(edit.contains("state"));
}

TEST_CASE("monitor_bulk_job: has nothing to do for a bulk job that is gone, over or at its own run",
          "[actions]") {
  testing::FakeHost gone({.target = "job/B"});
  REQUIRE(tests::BuiltinAction("monitor_bulk_job").run(gone).return_code == 0);
  REQUIRE(gone.status() == "job/B is gone.");

  auto over = bulk_job(handed_over(1, 1));
  over["state"] = "CANCELED";
  Look canceled(over, children({}));
  REQUIRE(canceled.changes().is_null());
  REQUIRE(canceled.host.status() == "job/B is CANCELED already.");

  auto early = bulk_job(handed_over(1, 1));
  early.erase("tags");
  Look running(early, children({}));
  REQUIRE(running.changes().is_null());
  REQUIRE(running.result.return_code == 0);
}

TEST_CASE("monitor_bulk_job: somebody else finishing the bulk job is no failure", "[actions]") {
  testing::FakeHost host({.target = "job/B"});
  host.answer("GET", "job/B", 200, bulk_job(handed_over(1, 1)));
  host.answer("PUT", "job", 200, children({"SUCCESS"}));
  host.answer("PUT", "job/B", 409, {{"message", "edit is not allowed in final state"}});
  REQUIRE(tests::BuiltinAction("monitor_bulk_job").run(host).return_code == 0);
  REQUIRE_THAT(host.status(), Contains("finished by somebody else"));
}
