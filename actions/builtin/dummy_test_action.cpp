// dummy_test_action: does nothing for a while. For trying the engine out and measuring it.
// Payload: "duration" in seconds (default 3), "return-code" (default 0), "message" (the status
// message at the end).
#include <algorithm>
#include <chrono>
#include <jobengine/action.hpp>
#include <nlohmann/json.hpp>
#include <string>

namespace {

using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr double default_duration = 3;
constexpr double longest_duration = 86400;
constexpr int longest_return_code = 255;
// Progress is told in such steps, but not more often than this.
constexpr int steps = 20;
constexpr Milliseconds shortest_step{250};

class DummyTestAction : public jobengine::Action {
 public:
  std::string name() const override { return "dummy_test_action"; }
  std::string description() const override {
    return "Does nothing for a while; payload: duration (seconds), return-code, message";
  }
  bool pull_mode() const override { return true; }
  jobengine::Manifest manifest() const override {
    jobengine::Manifest made = Action::manifest();
    made.isolation = jobengine::Isolation::shared;  // harmless anywhere, and heeds every stop
    made.payload_schema = R"({
      "type": "object",
      "properties": {
        "duration": {"type": "number", "minimum": 0},
        "return-code": {"type": "integer", "minimum": 0},
        "message": {"type": "string"}
      },
      "additionalProperties": false
    })"_json;
    return made;
  }

  int run(jobengine::Job& job) override {
    jobengine::Payload payload(job.payload());
    const auto seconds = payload.number_or("duration", default_duration, 0, longest_duration);
    const auto return_code = payload.integer_or("return-code", 0, 0, longest_return_code);
    const auto message = payload.text_or("message", "");
    payload.finish();

    const auto duration =
        std::chrono::duration_cast<Milliseconds>(std::chrono::duration<double>(seconds));
    if (!slept(job, duration)) {
      job.status("Stopped before the " + std::to_string(duration.count()) + " ms were over.");
      return 1;
    }
    if (!message.empty()) job.status(message);
    return static_cast<int>(return_code);
  }

 private:
  // False when a stop was requested on the way.
  static bool slept(jobengine::Job& job, Milliseconds duration) {
    const auto start = Clock::now();
    const auto step = std::max(duration / steps, shortest_step);
    for (auto next = step; next < duration; next += step) {
      if (job.wait_for_stop(until(start + next))) return false;
      job.progress(static_cast<int>(next.count() * 100 / duration.count()));
    }
    return !job.wait_for_stop(until(start + duration));
  }

  static Milliseconds until(Clock::time_point moment) {
    return std::max(Milliseconds(0), std::chrono::ceil<Milliseconds>(moment - Clock::now()));
  }
};

}  // namespace

JE_EXPORT_ACTION(DummyTestAction);
