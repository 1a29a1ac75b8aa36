#include <chrono>
#include <jobengine/action.hpp>
#include <string>

namespace {

constexpr int most_times = 100;

// Says hello as often as it is told to, and lets itself be interrupted.
class Greet : public jobengine::Action {
 public:
  std::string name() const override { return "greet"; }
  std::string description() const override { return "Says hello; payload: whom, times"; }

  int run(jobengine::Job& job) override {
    jobengine::Payload payload(job.payload());
    const auto whom = payload.text("whom");
    const auto times = static_cast<int>(payload.integer_or("times", 1, 1, most_times));
    payload.finish();

    for (int time = 1; time <= times; ++time) {
      job.log("hello " + whom);
      job.progress(100 * time / times);
      if (job.wait_for_stop(std::chrono::milliseconds(10))) {
        job.status("stopped after " + std::to_string(time) + " greetings");
        return 1;
      }
    }
    job.status("said hello to " + whom);
    return 0;
  }
};

}  // namespace

JE_EXPORT_ACTION(Greet);
