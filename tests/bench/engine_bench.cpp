// Figures of the whole system on one machine, one JSON object a line; asserts nothing.
//   engine_bench [jobs per measurement, default 2000]
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "common/runtime/event_loop.hpp"
#include "common/runtime/failure.hpp"
#include "tests/bench/engine_under_load.hpp"

namespace jobengine::bench {
namespace {

using nlohmann::json;

void print(const json& figure) {
  std::cout << figure.dump() << std::endl;
}

// "2026-11-21T00:00:00.123Z" → ms of the day; a measurement does not cross midnight twice.
double milliseconds(const std::string& timestamp) {
  const auto number = [&timestamp](std::size_t at, std::size_t size) {
    return std::strtod(timestamp.substr(at, size).c_str(), nullptr);
  };
  return ((number(8, 2) * 24 + number(11, 2)) * 60 + number(14, 2)) * 60000 + number(17, 6) * 1000;
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(q * last)];
}

std::vector<double> waiting_times(const std::vector<json>& jobs) {
  std::vector<double> times;
  times.reserve(jobs.size());
  for (const json& job : jobs) {
    if (!job.contains("started")) continue;
    times.push_back(milliseconds(job.at("started")) - milliseconds(job.at("created")));
  }
  return times;
}

// From the first start to the last end, as the API recorded them.
double jobs_per_second(const std::vector<json>& jobs) {
  double first = 1e18;
  double last = 0;
  for (const json& job : jobs) {
    first = std::min(first, milliseconds(job.at("started")));
    last = std::max(last, milliseconds(job.at("updated")));
  }
  return last > first ? static_cast<double>(jobs.size()) * 1000.0 / (last - first) : 0;
}

awaitable<void> measure_idle(EngineUnderLoad& engine) {
  engine.start_distributor();
  engine.start_executor(8);
  const std::string run = "latency";
  constexpr int samples = 200;
  for (int i = 1; i <= samples; ++i) {
    co_await engine.submit(1, run);
    co_await engine.all_done(i, run);
  }
  const auto jobs = co_await engine.jobs(run);
  const auto times = waiting_times(jobs);
  print({{"figure", "submit_to_running_ms"},
         {"samples", times.size()},
         {"p50", quantile(times, 0.5)},
         {"p99", quantile(times, 0.99)}});
  for (const auto& process : engine.memory()) {
    print(
        {{"figure", "resident_kb"}, {"program", process.program}, {"value", process.resident_kb}});
  }
  co_await engine.stop_executor();
}

// From being set RUNNING to the recorded outcome.
std::vector<double> running_times(const std::vector<json>& jobs) {
  std::vector<double> times;
  times.reserve(jobs.size());
  for (const json& job : jobs) {
    times.push_back(milliseconds(job.at("updated")) - milliseconds(job.at("started")));
  }
  return times;
}

awaitable<void> measure_backlog(EngineUnderLoad& engine, int slots, int count,
                                bool in_threads = false) {
  const std::string isolation = in_threads ? "shared" : "process";
  const std::string run = "slots-" + std::to_string(slots) + "-" + isolation;
  const auto submitting = runtime::Clock::now();
  co_await engine.submit(count, run);
  const std::chrono::duration<double> submitted = runtime::Clock::now() - submitting;
  engine.start_executor(slots, in_threads);
  co_await engine.all_done(count, run);
  const auto jobs = co_await engine.jobs(run);
  print({{"figure", "jobs_per_second"},
         {"slots", slots},
         {"isolation", isolation},
         {"jobs", jobs.size()},
         {"value", jobs_per_second(jobs)},
         {"running_ms_p50", quantile(running_times(jobs), 0.5)},
         {"running_ms_p99", quantile(running_times(jobs), 0.99)},
         {"submitted_per_second", count / submitted.count()}});
  co_await engine.stop_executor();
}

awaitable<void> measure(asio::io_context& loop, std::string programs, int count) {
  EngineUnderLoad engine(loop, std::move(programs));
  co_await engine.start();
  co_await measure_idle(engine);
  co_await measure_backlog(engine, 1, count);
  co_await measure_backlog(engine, 8, count);
  co_await measure_backlog(engine, 32, count);
  constexpr bool in_threads = true;
  co_await measure_backlog(engine, 1, count, in_threads);
  co_await measure_backlog(engine, 8, count, in_threads);
}

}  // namespace
}  // namespace jobengine::bench

int main(int argc, char** argv) {
  try {
    const int count = argc > 1 ? std::atoi(argv[1]) : 2000;
    const auto self = std::filesystem::canonical("/proc/self/exe");
    const std::string programs = (self.parent_path().parent_path() / "bin").string();
    jobengine::runtime::EventLoop loop;
    loop.run(jobengine::bench::measure(loop.context(), programs, count));
    return 0;
  } catch (const std::exception& failure) {
    std::cerr << "engine_bench: " << failure.what() << "\n";
    return 1;
  }
}
