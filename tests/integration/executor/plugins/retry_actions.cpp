// Actions that are run again: they count their tries in checkpoints, and end in every way that a
// retry policy knows.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <jobengine/action.hpp>
#include <string>

namespace {

using namespace std::chrono_literals;
using jobengine::Job;
using jobengine::Manifest;
using nlohmann::json;

std::int64_t wall_ms() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

// When the job was tried, this time included.
json note_try(Job& job) {
  json times = job.checkpoint().value_or(json::array());
  times.push_back(wall_ms());
  job.save_checkpoint(times);
  return times;
}

template <class Run>
class Simple : public jobengine::Action {
 public:
  std::string name() const override { return Run::name; }
  std::string description() const override { return "for tests of retries and limits"; }
  Manifest manifest() const override {
    Manifest made = Action::manifest();
    made.retry.first_delay = 20ms;
    Run::describe(made);
    return made;
  }
  int run(Job& job) override { return Run::run(job); }
};

struct ThirdTime {
  static constexpr const char* name = "retry_third_time";
  static void describe(Manifest& manifest) { manifest.retry.first_delay = 200ms; }
  static int run(Job& job) {
    const json times = note_try(job);
    if (times.size() < 3) return job.retry_later("busy " + std::to_string(times.size()));
    job.status(times.dump());
    return 0;
  }
};

struct Never {
  static constexpr const char* name = "retry_never_done";
  static void describe(Manifest& manifest) {
    manifest.retry.limit = 2;
    manifest.pull_mode = true;
  }
  static int run(Job& job) { return job.retry_later("the registry is busy"); }
};

// Its payload: how many milliseconds later. FAILED when it is run again too early.
struct NotBefore {
  static constexpr const char* name = "retry_not_before";
  static void describe(Manifest&) {}
  static int run(Job& job) {
    const json state = job.checkpoint().value_or(json());
    const std::int64_t delay = job.payload().get<std::int64_t>();
    if (state.is_null()) {
      job.save_checkpoint(wall_ms());
      return job.retry_later("too early", std::chrono::milliseconds(delay));
    }
    const std::int64_t waited = wall_ms() - state.get<std::int64_t>();
    job.status("attempt " + std::to_string(job.attempt()));
    return waited >= delay ? 0 : job.fail("run again after " + std::to_string(waited) + " ms");
  }
};

struct CrashOnce {
  static constexpr const char* name = "retry_crash_once";
  static void describe(Manifest& manifest) { manifest.retry.on_crash = true; }
  static int run(Job& job) {
    if (note_try(job).size() > 1) return 0;
    std::signal(SIGSEGV, SIG_DFL);
    std::raise(SIGSEGV);
    return 1;
  }
};

struct FailAlways {
  static constexpr const char* name = "retry_failure";
  static void describe(Manifest& manifest) {
    manifest.retry.on_failure = true;
    manifest.retry.limit = 1;
  }
  static int run(Job&) { return 7; }
};

struct Skip {
  static constexpr const char* name = "retry_skip";
  static void describe(Manifest&) {}
  static int run(Job& job) { return job.skip("it is installed already"); }
};

// The first attempt never ends; the next one goes on from its checkpoint.
struct Resume {
  static constexpr const char* name = "retry_resume";
  static void describe(Manifest&) {}
  static int run(Job& job) {
    if (const auto state = job.checkpoint()) {
      job.status("attempt " + std::to_string(job.attempt()) + " goes on from page " +
                 std::to_string(state->at("page").get<int>()));
      return 0;
    }
    job.save_checkpoint({{"page", 6}});
    job.save_checkpoint({{"page", 7}});
    job.status("saved");
    job.wait_for_stop(1h);
    return 0;
  }
};

// Its payload is how many bytes it wants to save; tells what becomes of it.
struct Save {
  static constexpr const char* name = "retry_save";
  static void describe(Manifest& manifest) { manifest.pull_mode = true; }
  static int run(Job& job) {
    try {
      job.save_checkpoint(std::string(job.payload().get<std::size_t>(), 'x'));
      job.status("kept");
    } catch (const jobengine::CheckpointError& error) {
      job.status(error.what());
    }
    return 0;
  }
};

struct Silent {
  static constexpr const char* name = "limit_silent";
  static void describe(Manifest& manifest) {
    manifest.idle_timeout = 300ms;
    manifest.timeout = 1h;
  }
  static int run(Job& job) {
    job.status("silent from now on");
    job.wait_for_stop(1h);
    return 0;
  }
};

// Says something of every kind, each time well before its limit, for longer than that.
struct Talkative {
  static constexpr const char* name = "limit_talkative";
  static void describe(Manifest& manifest) { manifest.idle_timeout = 600ms; }
  static int run(Job& job) {
    for (int i = 0; i < 12; ++i) {
      if (i % 4 == 0) job.progress(i);
      if (i % 4 == 1) job.status("talking " + std::to_string(i));
      if (i % 4 == 2) job.log("talking");
      if (i % 4 == 3) job.save_checkpoint(i);
      if (job.wait_for_stop(100ms)) return job.fail("stopped while it talked");
    }
    return 0;
  }
};

struct Limited {
  static constexpr const char* name = "limit_obeys";
  static void describe(Manifest& manifest) { manifest.timeout = 200ms; }
  static int run(Job& job) {
    job.wait_for_stop(1h);
    return 0;
  }
};

}  // namespace

JE_EXPORT_ACTIONS(Simple<ThirdTime>, Simple<Never>, Simple<NotBefore>, Simple<CrashOnce>,
                  Simple<FailAlways>, Simple<Skip>, Simple<Resume>, Simple<Save>, Simple<Silent>,
                  Simple<Talkative>, Simple<Limited>);
