#include "executor/job_report.hpp"

#include <catch2/catch.hpp>

using namespace jobengine;
using namespace jobengine::executor;
using nlohmann::json;

namespace {

JobReport a_report() {
  return JobReport(job::Job(
      json::parse(R"({"id": "job/1", "affected-resources": [{"href": "deployment/1"}]})")));
}

}  // namespace

TEST_CASE("of many values only the last is written") {
  JobReport report = a_report();
  CHECK(report.empty());
  for (int percent = 0; percent <= 90; ++percent) report.note_progress(percent);
  report.note_status("one");
  report.note_status("two");
  CHECK(report.take() == json::parse(R"({"progress": 90, "status-message": "two"})"));
  CHECK(report.empty());
}

TEST_CASE("progress stays between 0 and 100, and a blank status is said to be empty") {
  JobReport report = a_report();
  report.note_progress(400);
  report.note_status("");
  CHECK(report.take() ==
        json::parse(R"({"progress": 100, "status-message": "< status message empty >"})"));
}

TEST_CASE("affected resources are added to those there are, each once") {
  JobReport report = a_report();
  report.note_affected_resource("deployment/1");
  CHECK(report.empty());
  report.note_affected_resource("nuvlabox/2");
  report.note_affected_resource("nuvlabox/2");
  const json expected =
      json::parse(R"({"affected-resources": [{"href": "deployment/1"}, {"href": "nuvlabox/2"}]})");
  CHECK(report.take() == expected);
}

TEST_CASE("naming very many affected resources takes no time to speak of") {
  JobReport report = a_report();
  constexpr std::size_t many = 100000;
  for (std::size_t i = 0; i < many; ++i) {
    report.note_affected_resource("deployment/" + std::to_string(i));
  }
  // All but deployment/1 are new.
  CHECK(report.take()["affected-resources"].size() == many);
}

TEST_CASE("an edit that was not applied is pending again, except for what is newer") {
  JobReport report = a_report();
  report.note_progress(10);
  report.note_status("old");
  const json lost = report.take();
  report.note_progress(20);
  report.give_back(lost);
  CHECK(report.take() == json::parse(R"({"progress": 20, "status-message": "old"})"));
}
