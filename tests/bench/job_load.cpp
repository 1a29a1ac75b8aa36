// Submits no-op jobs (dummy_test_action), and says in one JSON line how that went.
//   job_load --port P --jobs N [--array K] [--connections C] [--rate R] [--target T]
//            [--priority P] [--duration S] [--spread PART]
//   --array     jobs a request, as a JSON array (0: single jobs)
//   --rate      requests a second, sent evenly (0: as fast as they are answered)
//   --duration  seconds that each job does nothing
//   --spread    0.5: half as long to one and a half times as long, so that jobs do not end in step
#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tests/bench/arguments.hpp"
#include "tests/bench/load.hpp"

namespace jobengine::bench {
namespace {

using nlohmann::json;

json job(const Arguments& arguments, std::size_t number) {
  // Spread evenly, whatever part of them is looked at.
  constexpr double golden = 0.6180339887498949;
  double whole = 0;
  const double place = std::modf(static_cast<double>(number) * golden, &whole);
  const double factor = 1 + arguments.number_or("spread", 0) * (2 * place - 1);
  const json payload = {{"duration", arguments.number_or("duration", 0) * factor}};
  json document = {{"action", "dummy_test_action"},
                   {"payload", payload.dump()},
                   {"target-resource", {{"href", arguments.text_or("target", "bench/any")}}}};
  const int priority = arguments.count_or("priority", -1);
  if (priority >= 0) document["priority"] = priority;
  return document;
}

json submit(const Arguments& arguments) {
  const auto jobs = static_cast<std::size_t>(arguments.count_or("jobs", 1));
  const auto array = static_cast<std::size_t>(arguments.count_or("array", 0));
  const std::size_t each = std::max<std::size_t>(array, 1);
  const auto request_of = [&](std::size_t first, std::size_t count) {
    if (array == 0) return request_text("POST", "/api/job", job(arguments, first).dump());
    json all = json::array();
    for (std::size_t i = 0; i < count; ++i) all.push_back(job(arguments, first + i));
    return request_text("POST", "/api/job", all.dump());
  };
  // Made once: it must not be what limits the submissions.
  std::vector<std::string> full;
  for (std::size_t i = 0; i < 32; ++i) full.push_back(request_of(i * each, each));

  Load load;
  load.port = static_cast<std::uint16_t>(arguments.count_or("port", 0));
  load.connections = arguments.count_or("connections", 16);
  load.length = std::chrono::hours(1);
  load.most_requests = (jobs + each - 1) / each;
  load.per_second = arguments.number_or("rate", 0);
  load.request = [&](std::size_t n) {
    const std::size_t left = jobs - n * each;
    return left >= each ? full[n % full.size()] : request_of(n * each, left);
  };
  load.connections =
      std::min(load.connections, static_cast<int>(std::min<std::size_t>(load.most_requests, 1000)));
  const auto result = run_load(load);
  json told = {{"jobs", jobs},
               {"requests", result.answered},
               {"refused", result.refused},
               {"seconds", result.seconds},
               {"jobs_per_second", static_cast<double>(jobs) / result.seconds},
               {"p50_ms", result.quantile(0.5)},
               {"p99_ms", result.quantile(0.99)}};
  if (result.refused > 0) told["refusal"] = result.first_refusal;
  return told;
}

}  // namespace
}  // namespace jobengine::bench

int main(int argc, char** argv) {
  try {
    const jobengine::bench::Arguments arguments(argc, argv, 1);
    std::cout << jobengine::bench::submit(arguments).dump() << std::endl;
    return 0;
  } catch (const std::exception& failure) {
    std::cerr << "job_load: " << failure.what() << "\n";
    return 1;
  }
}
