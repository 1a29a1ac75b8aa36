#include "common/job/job.hpp"

#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"

using namespace jobengine::job;
using nlohmann::json;

TEST_CASE("job: reads what is there and has sane answers for what is not", "[job]") {
  const Job bare(json{{"id", "job/1"}});
  REQUIRE(bare.id() == "job/1");
  REQUIRE_FALSE(bare.action());
  REQUIRE_FALSE(bare.state());
  REQUIRE(bare.version() == 0);
  REQUIRE(bare.execution_mode() == ExecutionMode::Push);
  REQUIRE(bare.target().empty());
  const Job full(json{{"id", "job/1"},
                      {"action", "x"},
                      {"state", "CANCELED"},
                      {"version", 2},
                      {"execution-mode", "mixed"},
                      {"priority", 50},
                      {"target-resource", {{"href", "deployment/7"}}}});
  REQUIRE(full.action() == "x");
  REQUIRE(full.state() == JobState::Canceled);
  REQUIRE(is_final(*full.state()));
  REQUIRE(full.version() == 2);
  REQUIRE(full.execution_mode() == ExecutionMode::Mixed);
  REQUIRE(full.priority() == 50);
  REQUIRE(full.target() == "deployment/7");
}

TEST_CASE("job: a version that is no integer counts as 0", "[job]") {
  REQUIRE(Job(json{{"id", "job/1"}, {"version", "2.0"}}).version() == 0);
  REQUIRE(Job(json{{"id", "job/1"}, {"version", "3"}}).version() == 3);
  REQUIRE(Job(json{{"id", "job/1"}, {"version", 2.5}}).version() == 0);
  REQUIRE(Job(json{{"id", "job/1"}, {"version", -1}}).version() == 0);
}

TEST_CASE("job: what is no job document is refused with a reason", "[job]") {
  REQUIRE_THROWS_WITH(Job(json::array()), Catch::Contains("array"));
  REQUIRE_THROWS_WITH(Job(json{{"id", 3}}), Catch::Contains("id"));
}

TEST_CASE("job: ids are recognised", "[job]") {
  REQUIRE(is_job_id("job/5e644584-64a2-4c7b-95df-f9719e02fd3f"));
  REQUIRE_FALSE(is_job_id("job/"));
  REQUIRE_FALSE(is_job_id("deployment/1"));
  REQUIRE_FALSE(is_job_id("job/../../etc"));
  REQUIRE_FALSE(is_job_id(std::string("job/a\0b", 7)));
}
