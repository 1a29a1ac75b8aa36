// What an action says about itself to the engine. Part of <jobengine/action.hpp>.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace jobengine {

enum class Isolation {
  // In a process of its own, which can always be killed. The default, and right for nearly all.
  process,
  // In a thread of the executor, where the operator allows it (job-executor --shared-actions): for
  // tiny actions that are trusted with the executor's life.
  shared
};

// What is run again, how often, and after which delay. A retry the action asks for
// (Job::retry_later) always counts; the flags add other ends.
struct RetryPolicy {
  int limit = 5;  // retries of one job
  // The delay begins with `first_delay`, doubles each time up to `longest_delay`, and is jittered.
  std::chrono::milliseconds first_delay = std::chrono::seconds(1);
  std::chrono::milliseconds longest_delay = std::chrono::minutes(5);
  bool on_crash = false;    // the process broke
  bool on_timeout = false;  // it ran, or was silent, for too long
  bool on_failure = false;  // a return code other than 0, fail(), an exception
};

struct Manifest {
  std::string name;
  std::string description;
  bool pull_mode = false;
  // JSON Schema (draft 7) of the payload; null: anything. A job whose payload does not fit is
  // FAILED without a run, and told the place and the reason. No payload counts as {}.
  nlohmann::json payload_schema;
  // The run is stopped after so long; zero: no limit.
  std::chrono::milliseconds timeout{0};
  // The run is stopped when it was silent for so long: no progress, status, checkpoint, log line or
  // output. Zero: no limit.
  std::chrono::milliseconds idle_timeout{0};
  RetryPolicy retry;
  Isolation isolation = Isolation::process;
  // An executor offers the action only when it has all of these (job-executor --labels).
  std::vector<std::string> labels;

  nlohmann::json document() const {
    nlohmann::json on = nlohmann::json::array();
    if (retry.on_crash) on.push_back("crash");
    if (retry.on_timeout) on.push_back("timeout");
    if (retry.on_failure) on.push_back("failure");
    const auto ms = [](std::chrono::milliseconds time) {
      return std::to_string(time.count()) + "ms";
    };
    nlohmann::json result = {{"name", name},
                             {"description", description},
                             {"pull-mode", pull_mode},
                             {"timeout", ms(timeout)},
                             {"idle-timeout", ms(idle_timeout)},
                             {"retry",
                              {{"limit", retry.limit},
                               {"first-delay", ms(retry.first_delay)},
                               {"longest-delay", ms(retry.longest_delay)},
                               {"on", on}}},
                             {"isolation", isolation == Isolation::shared ? "shared" : "process"},
                             {"labels", labels}};
    if (!payload_schema.is_null()) result["payload-schema"] = payload_schema;
    return result;
  }
};

}  // namespace jobengine
