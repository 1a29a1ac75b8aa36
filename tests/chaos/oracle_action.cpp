// The action of a chaos campaign: it tells when it runs, in a file outside the engine, and nothing
// the engine says is believed. Lines are what Run::tell() writes; tests/chaos/oracle.py reads them.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <jobengine/action.hpp>
#include <stdexcept>
#include <string>

namespace {

using namespace std::chrono_literals;

std::int64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// One run of one job. Each line is one write at the end of the file, so that runs on any number of
// processes share it without a lock.
class Run {
 public:
  Run(const jobengine::Job& job, const std::string& file)
      : job_(job.id()),
        attempt_(std::to_string(job.attempt())),
        id_(std::to_string(::getpid()) + "-" + std::to_string(now())),
        file_(::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)) {
    if (file_ < 0) throw std::runtime_error("cannot open the oracle " + file);
  }
  ~Run() { ::close(file_); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  const std::string& id() const { return id_; }

  // run job attempt process its-parent boot-time-ns word
  void tell(const std::string& word) const {
    const std::string line = id_ + ' ' + job_ + ' ' + attempt_ + ' ' + std::to_string(::getpid()) +
                             ' ' + std::to_string(::getppid()) + ' ' + std::to_string(now()) + ' ' +
                             word + '\n';
    const auto written = ::write(file_, line.data(), line.size());
    if (written != static_cast<ssize_t>(line.size()))
      throw std::runtime_error("the oracle is full");
  }

 private:
  std::string job_;
  std::string attempt_;
  std::string id_;
  int file_;
};

// Payload: oracle (the file), ms (how long it runs), deaf (it ignores the stop), checkpoint (it
// saves one in the middle). It says "start", "from:<run>" when it got that run's checkpoint, "beat"
// every 25 ms, "kept" when its own was kept, and in the end "end" or "stopped".
class Oracle : public jobengine::Action {
 public:
  std::string name() const override { return "chaos_oracle"; }
  std::string description() const override { return "Runs for a while and tells an oracle file"; }

  jobengine::Manifest manifest() const override {
    auto manifest = Action::manifest();
    manifest.retry.limit = 100;  // a campaign kills as many hosts as it likes
    manifest.retry.first_delay = 100ms;
    manifest.retry.longest_delay = 1s;
    manifest.retry.on_crash = true;
    return manifest;
  }

  int run(jobengine::Job& job) override {
    jobengine::Payload payload(job.payload());
    const auto file = payload.text("oracle");
    const auto length = std::chrono::milliseconds(payload.integer_or("ms", 100, 0, 600'000));
    const bool deaf = payload.flag_or("deaf", false);
    const bool saves = payload.flag_or("checkpoint", false);
    payload.finish();

    const Run run(job, file);
    run.tell("start");
    if (const auto before = job.checkpoint(); before && before->is_object()) {
      run.tell("from:" + before->value("run", "?"));
    }
    job.status("run " + run.id());
    const auto begin = std::chrono::steady_clock::now();
    const auto end = begin + length;
    bool saved = !saves;
    for (;;) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      if (left <= 0ms) break;
      const auto step = std::min<std::chrono::milliseconds>(left, 25ms);
      const bool stop = job.wait_for_stop(step);
      if (stop && !deaf) {
        run.tell("stopped");
        return 1;
      }
      // The stop is told at once from then on.
      if (stop) ::poll(nullptr, 0, static_cast<int>(step.count()));
      run.tell("beat");
      if (!saved && std::chrono::steady_clock::now() > begin + length / 2) {
        saved = true;
        save(job, run);
      }
    }
    run.tell("end");
    return 0;
  }

 private:
  static void save(jobengine::Job& job, const Run& run) {
    try {
      job.save_checkpoint({{"run", run.id()}});
      run.tell("kept");
    } catch (const jobengine::CheckpointError&) {
      run.tell("refused");
    }
  }
};

// The same in a thread of the executor.
class SharedOracle : public Oracle {
 public:
  std::string name() const override { return "chaos_shared"; }
  jobengine::Manifest manifest() const override {
    auto manifest = Oracle::manifest();
    manifest.isolation = jobengine::Isolation::shared;
    return manifest;
  }
};

}  // namespace

JE_EXPORT_ACTIONS(Oracle, SharedOracle);
