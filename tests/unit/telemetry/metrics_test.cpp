#include "common/telemetry/metrics.hpp"

#include <catch2/catch.hpp>
#include <thread>

using namespace jobengine::telemetry;
using Catch::Contains;

namespace {

double value_of(const std::string& exposition, const std::string& name) {
  const auto line = exposition.find("\n" + name + " ");
  REQUIRE(line != std::string::npos);
  return std::stod(exposition.substr(line + name.size() + 2));
}

}  // namespace

TEST_CASE("metrics: the same name and labels are the same instrument", "[metrics]") {
  Metrics metrics;
  Counter& jobs = metrics.counter("jobengine_jobs_total", "Jobs.", {{"outcome", "success"}});
  REQUIRE(&metrics.counter("jobengine_jobs_total", "Jobs.", {{"outcome", "success"}}) == &jobs);
  Counter& failed = metrics.counter("jobengine_jobs_total", "Jobs.", {{"outcome", "failed"}});
  REQUIRE(&failed != &jobs);
  jobs.add();
  jobs.add(2);
  failed.add();
  metrics.gauge("jobengine_slots_busy", "Slots.").set(5);
  const std::string text = metrics.exposition();
  REQUIRE_THAT(text, Contains("# HELP jobengine_jobs_total Jobs.\n# TYPE jobengine_jobs_total "
                              "counter\n"));
  REQUIRE(value_of(text, "jobengine_jobs_total{outcome=\"success\"}") == 3);
  REQUIRE(value_of(text, "jobengine_jobs_total{outcome=\"failed\"}") == 1);
  REQUIRE(value_of(text, "jobengine_slots_busy") == 5);
}

TEST_CASE("metrics: label values may hold anything", "[metrics]") {
  Metrics metrics;
  metrics.counter("jobengine_jobs_total", "Jobs.", {{"action", "a\"b\\c\nd"}}).add();
  REQUIRE_THAT(metrics.exposition(), Contains(R"(action="a\"b\\c\nd")"));
}

TEST_CASE("metrics: a histogram sorts latencies into buckets", "[metrics]") {
  Metrics metrics;
  Histogram& latency = metrics.histogram("jobengine_latency_seconds", "Latency.");
  latency.observe(0.0004);
  latency.observe(0.3);
  latency.observe(10'000);
  const std::string text = metrics.exposition();
  REQUIRE(value_of(text, "jobengine_latency_seconds_count") == 3);
  REQUIRE(value_of(text, "jobengine_latency_seconds_bucket{le=\"0.0005\"}") == 1);
  REQUIRE(value_of(text, "jobengine_latency_seconds_bucket{le=\"600\"}") == 2);
  REQUIRE(value_of(text, "jobengine_latency_seconds_bucket{le=\"+Inf\"}") == 3);
}

TEST_CASE("metrics: the process tells of itself", "[metrics]") {
  const std::string text = Metrics().exposition();
  REQUIRE(value_of("\n" + text, "process_resident_memory_bytes") > 1'000'000);
  REQUIRE(value_of("\n" + text, "process_open_fds") >= 3);
  REQUIRE(value_of("\n" + text, "process_cpu_seconds_total") >= 0);
  REQUIRE(value_of("\n" + text, "process_start_time_seconds") > 1'500'000'000);
}

TEST_CASE("metrics: several threads may count", "[metrics]") {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&metrics] {
      for (int i = 0; i < 1000; ++i) {
        metrics.counter("jobengine_things_total", "Things.").add();
        if (i % 100 == 0) static_cast<void>(metrics.exposition());
      }
    });
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(value_of(metrics.exposition(), "jobengine_things_total") == 4000);
}
