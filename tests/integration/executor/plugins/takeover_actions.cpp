// Actions that are there when executors die.
#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <jobengine/action.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;
using jobengine::Job;
using nlohmann::json;

// Says which attempt it is, and waits to be stopped.
class TellAndHang final : public jobengine::Action {
 public:
  std::string name() const override { return "test_tell_and_hang"; }
  std::string description() const override { return "for tests of takeovers"; }
  int run(Job& job) override {
    job.status("attempt " + std::to_string(job.attempt()));
    while (!job.wait_for_stop(1h)) {
    }
    return 0;
  }
};

// A line in a file for each run; ends when another file is there.
class RunOnce final : public jobengine::Action {
 public:
  std::string name() const override { return "test_run_once"; }
  std::string description() const override { return "for tests of takeovers"; }
  int run(Job& job) override {
    const json payload = job.payload();
    std::ofstream(payload["file"].get<std::string>(), std::ios::app) << job.attempt() << '\n';
    while (!std::filesystem::exists(payload["go"].get<std::string>())) {
      if (job.wait_for_stop(20ms)) return 1;
    }
    job.status("ran once");
    return 0;
  }
};

// Leaves a process in a session of its own, whose number it writes into a file.
class StartDaemon final : public jobengine::Action {
 public:
  std::string name() const override { return "test_start_daemon"; }
  std::string description() const override { return "for tests of takeovers"; }
  int run(Job& job) override {
    const auto file = job.payload().get<std::string>();
    const pid_t child = ::fork();
    if (child == 0) {
      ::setsid();
      for (;;) ::pause();
    }
    const std::string draft = file + ".new";
    std::ofstream(draft) << child << '\n';
    std::filesystem::rename(draft, file);
    while (!job.wait_for_stop(1h)) {
    }
    return 0;
  }
};

}  // namespace

JE_EXPORT_ACTIONS(TellAndHang, RunOnce, StartDaemon);
