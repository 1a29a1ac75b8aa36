#include "distributor/distribution_settings.hpp"

#include <catch2/catch.hpp>

#include "common/configuration/options.hpp"

using namespace jobengine::distributor;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using jobengine::configuration::parse_yaml;
using jobengine::configuration::UsageError;
using jobengine::configuration::YamlError;
using nlohmann::json;

namespace {

DistributorSettings read(const std::string& yaml, DistributionChoices choices = {}) {
  return read_distributions(parse_yaml(yaml, "x.yaml"), choices);
}

const DistributionSettings& named(const DistributorSettings& settings, const std::string& name) {
  for (const DistributionSettings& one : settings.distributions) {
    if (one.name == name) return one;
  }
  FAIL("no distribution " << name);
  return settings.distributions.front();
}

Span interval(const TickSchedule& schedule) {
  const Instant some{1h};
  return schedule.next(some, some) - some;
}

std::string complaint(const std::string& yaml) {
  try {
    read(yaml);
  } catch (const YamlError& error) {
    return error.what();
  }
  return "accepted";
}

std::string usage(std::vector<std::string> exclude, std::vector<std::string> intervals) {
  DistributionChoices choices;
  choices.exclude = std::move(exclude);
  choices.intervals = std::move(intervals);
  try {
    read_distributions({}, choices);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("distributions: the built-in ones as in Nuvla", "[distributor][settings]") {
  const DistributorSettings settings = read_distributions({}, {});
  REQUIRE(settings.distributions.size() == 2);
  const auto& cleanup = named(settings, "cleanup_jobs");
  CHECK(interval(cleanup.schedule) == 24h);
  CHECK(cleanup.job.action == "cleanup_jobs");
  CHECK(cleanup.job.target == "job");
  const auto& monitor = named(settings, "monitor_bulk_job");
  CHECK(interval(monitor.schedule) == 30s);
  REQUIRE(monitor.for_each);
  CHECK(monitor.for_each->filter == R"(action^="bulk" and state="RUNNING" and tags="monitor")");
  CHECK(monitor.overlap == Overlap::Skip);
  CHECK(monitor.misfire == Misfire::Once);
  REQUIRE(settings.keeper);
  CHECK(settings.keeper->grace == 60s);
}

TEST_CASE("distributions: everything a file can say", "[distributor][settings]") {
  const DistributorSettings settings = read(R"(
usage_report:
  cron: "*/5 * * * *"
  timezone: Europe/Zurich
  jitter: 10s
  overlap: allow
  misfire: all
  job:
    action: report
    target-resource: customer/1
    payload: {kind: usage, deep: [1, true]}
    priority: 20
    execution-mode: mixed
    acl: {owners: [group/nuvla-admin]}
deployment_state:
  every: 60s
  for-each: {resource: deployment, filter: "state='STARTED'", select: [owner]}
  job: {payload: '{"owner": "${owner}"}'}
cleanup_jobs: {every: 12h}
monitor_bulk_jobs: {enabled: false}
queue_keeper: {every: 5s, grace: 10s}
)");
  const auto& report = named(settings, "usage_report");
  CHECK_FALSE(report.schedule.is_interval());
  CHECK(report.overlap == Overlap::Allow);
  CHECK(report.misfire == Misfire::All);
  CHECK(report.job.action == "report");
  CHECK(report.job.target == "customer/1");
  CHECK(report.job.payload == json::parse(R"({"kind": "usage", "deep": [1, true]})"));
  CHECK(report.job.priority == 20);
  CHECK(report.job.execution_mode == "mixed");
  CHECK(report.job.acl == json::parse(R"({"owners": ["group/nuvla-admin"]})"));
  const auto& state = named(settings, "deployment_state");
  CHECK(state.job.action == "deployment_state");
  CHECK(state.job.target == "${id}");
  CHECK(state.for_each->select == std::vector<std::string>{"owner"});
  CHECK(interval(named(settings, "cleanup_jobs").schedule) == 12h);
  CHECK(settings.distributions.size() == 3);
  CHECK(settings.keeper->grace == 10s);
  CHECK(interval(settings.keeper->schedule) == 5s);
}

TEST_CASE("distributions: the options exclude and set intervals, by either of Nuvla's names",
          "[distributor][settings]") {
  DistributionChoices choices;
  choices.exclude = {"monitor_bulk_jobs", "queue_keeper"};
  choices.intervals = {"cleanup_jobs:10", "reports:2"};
  const DistributorSettings settings = read("reports: {cron: '@daily'}", choices);
  REQUIRE(settings.distributions.size() == 2);
  CHECK_FALSE(settings.keeper);
  CHECK(interval(named(settings, "cleanup_jobs").schedule) == 10s);
  CHECK(interval(named(settings, "reports").schedule) == 2s);
  choices.exclude = {"monitor_bulk_job"};
  choices.intervals = {"monitor_bulk_job:7", "monitor_bulk_jobs:8"};
  CHECK(read_distributions({}, choices).distributions.size() == 1);
}

TEST_CASE("distributions: wrong options name what is known and what was expected",
          "[distributor][settings]") {
  CHECK_THAT(usage({"cleanup"}, {}), Contains("--distribution-exclude") &&
                                         Contains("\"cleanup\"") &&
                                         Contains("cleanup_jobs, monitor_bulk_job, queue_keeper"));
  CHECK_THAT(usage({}, {"nobody:5"}), Contains("unknown distribution \"nobody\""));
  CHECK_THAT(usage({}, {"cleanup_jobs"}), Contains("expected NAME:SECONDS"));
  for (const char* bad : {"cleanup_jobs:x", "cleanup_jobs:", "cleanup_jobs:0", "cleanup_jobs:-3",
                          "cleanup_jobs:1.5", "cleanup_jobs:9999999999999"}) {
    CHECK_THAT(usage({}, {bad}), Contains("whole number"));
  }
}

TEST_CASE("distributions: each mistake in the schedule is named with its line",
          "[distributor][settings]") {
  const auto in_line = [](int line) { return Contains("x.yaml:" + std::to_string(line)); };
  CHECK_THAT(complaint("a:\n  every: 5s\n  evry: 5s"), in_line(3) && Contains("every"));
  CHECK_THAT(complaint("a:\n  every: soon"), in_line(2) && Contains("no duration"));
  CHECK_THAT(complaint("a:\n  every: 10ms"), in_line(2) && Contains("too short"));
  CHECK_THAT(complaint("a:\n  cron: '* * *'"), in_line(2) && Contains("3 fields"));
  CHECK_THAT(complaint("a:\n  every: 5s\n  cron: '@daily'"), in_line(3) && Contains("exclude"));
  CHECK_THAT(complaint("a:\n  cron: '@daily'\n  timezone: Mars"),
             in_line(3) && Contains("unknown time zone"));
  CHECK_THAT(complaint("a:\n  every: 5s\n  timezone: UTC"), in_line(3) && Contains("cron"));
  CHECK_THAT(complaint("a:\n  overlap: skip"), Contains("needs \"every\" or \"cron\""));
  CHECK_THAT(complaint("a:\n"), Contains("expected a map"));
  CHECK_THAT(complaint("a: [1]"), Contains("expected a map"));
  CHECK_THAT(complaint("[1]"), Contains("expected a map"));
  CHECK_THAT(complaint("a:\n  every: 5s\n  overlap: maybe"),
             in_line(3) && Contains("skip or allow"));
  for (const char* bad : {"never", "Skip", "''", "1", "[all]", "{}"}) {
    const auto said = complaint(std::string("a:\n  every: 5s\n  misfire: ") + bad);
    CHECK_THAT(said, in_line(3) && Contains("misfire"));
  }
  CHECK_THAT(complaint("a:\n  every: 5s\n  misfire: never"),
             Contains("\"never\" is unknown (expected skip, once or all)"));
  CHECK_THAT(complaint("queue_keeper: {misfire: all}"), Contains("misfire"));
  CHECK_THAT(complaint("a:\n  every: 5s\n  jitter: 5s"), in_line(3) && Contains("shorter"));
  CHECK_THAT(complaint("a:\n  every: 5s\n  enabled: perhaps"), in_line(3));
  CHECK_THAT(complaint("a/b: {every: 5s}"), Contains("no name for a distribution"));
  CHECK_THAT(complaint("queue_keeper:\n  job: {}"), in_line(2) && Contains("grace"));
}

TEST_CASE("distributions: each mistake in for-each and job is named with its line",
          "[distributor][settings]") {
  const auto in_line = [](int line) { return Contains("x.yaml:" + std::to_string(line)); };
  const std::string start = "a:\n  every: 5s\n  ";
  CHECK_THAT(complaint(start + "for-each: {filter: x}"), in_line(3) && Contains("resource"));
  CHECK_THAT(complaint(start + "for-each: {resource: 'a/b'}"), Contains("no resource collection"));
  CHECK_THAT(complaint(start + "for-each: {resource: a, select: x}"), in_line(3));
  CHECK_THAT(complaint(start + "job:\n    priority: 1000"), in_line(4) && Contains("0 to 999"));
  CHECK_THAT(complaint(start + "job:\n    priority: high"), in_line(4));
  CHECK_THAT(complaint(start + "job:\n    execution-mode: pus"), in_line(4) && Contains("mixed"));
  CHECK_THAT(complaint(start + "job:\n    payload: no json"), in_line(4) && Contains("JSON"));
  CHECK_THAT(complaint(start + "job:\n    acl: me"), in_line(4) && Contains("map"));
  CHECK_THAT(complaint(start + "job:\n    target: me"), in_line(4) && Contains("target-resource"));
  CHECK_THAT(complaint(start + "job: {target-resource: '${id}'}"),
             in_line(3) && Contains("for-each"));
  CHECK_THAT(complaint(start + "for-each: {resource: b}\n  job: {payload: {x: '${id'}}"),
             in_line(4) && Contains("not closed"));
}

TEST_CASE("distributions: the examples of the documentation for missed ticks",
          "[distributor][settings]") {
  const DistributorSettings settings = read(R"(
invoice:      { cron: "0 * * * *", misfire: all, overlap: allow }   # an invoice for each hour
usage_report: { every: 10m, misfire: once }                         # the newest is enough
night_backup: { cron: "0 2 * * *", misfire: skip }                  # at night or not at all
)");
  CHECK(named(settings, "invoice").misfire == Misfire::All);
  CHECK(named(settings, "usage_report").misfire == Misfire::Once);
  CHECK(named(settings, "night_backup").misfire == Misfire::Skip);
  // As told there: nobody from 12:10 to 15:20.
  const TickSchedule& hourly = named(settings, "invoice").schedule;
  const Instant noon = *parse_instant("2026-11-21T12:00:00Z");
  const auto next = next_tick(hourly, Misfire::All, "invoice", noon, noon + 3h + 20min);
  CHECK(next.tick == noon + 1h);
}
