// An action that leaves lines about each of its runs in a file, for a test that wants to know how
// often it ran, what it was told, and when it was last alive. Its payload:
//   oracle: the file
//   of the first attempt: nap: ms; status: text to say; checkpoint: true: saves one; retry: true:
//   wants to be run again
//   of later ones: gate: they wait until this file is there
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <jobengine/action.hpp>
#include <stdexcept>
#include <string>

namespace {

using namespace std::chrono_literals;
using jobengine::Job;
using nlohmann::json;

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// One write a line, appended: lines of several runs never mix.
class Oracle {
 public:
  explicit Oracle(const std::string& file)
      : descriptor_(::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) throw std::runtime_error("cannot open " + file);
  }
  ~Oracle() { ::close(descriptor_); }
  Oracle(const Oracle&) = delete;
  Oracle& operator=(const Oracle&) = delete;

  void write(json line) {
    line["run"] = run_;
    line["at"] = now_ns();
    line["process"] = ::getpid();
    const std::string text = line.dump() + "\n";
    if (::write(descriptor_, text.data(), text.size()) < 0) throw std::runtime_error("disk full?");
  }

 private:
  const int descriptor_;
  const std::int64_t run_ = now_ns();
};

class CrashTest : public jobengine::Action {
 public:
  std::string name() const override { return "crash_test"; }
  std::string description() const override { return "tells a file about each of its runs"; }
  int run(Job& job) override {
    const json payload = job.payload();
    Oracle oracle(payload.at("oracle").get<std::string>());
    json start;
    start["what"] = "start";
    start["attempt"] = job.attempt();
    start["resumed"] = job.resumed();
    start["checkpoint"] = job.checkpoint().has_value();
    oracle.write(start);
    const bool first = job.attempt() == 1;
    if (payload.contains("status") && first) job.status(payload["status"].get<std::string>());
    if (payload.value("checkpoint", false) && first) job.save_checkpoint("half way");
    json beat;
    beat["what"] = "beat";
    const auto until = now_ns() + payload.value("nap", 0) * std::int64_t{1'000'000};
    const std::string gate = payload.value("gate", "");
    const auto waits = [&] {
      if (first) return now_ns() < until;
      return !gate.empty() && ::access(gate.c_str(), F_OK) != 0;
    };
    while (waits() && !job.wait_for_stop(20ms)) oracle.write(beat);
    json end;
    end["what"] = "end";
    oracle.write(end);
    if (payload.value("retry", false) && first) return job.retry_later("not yet", 200ms);
    return 0;
  }
};

}  // namespace

JE_EXPORT_ACTION(CrashTest);
