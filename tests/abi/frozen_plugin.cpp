// A plugin as it was built with the SDK of plugin ABI 1.0, by its own headers. It uses all there
// was. The same source must compile with today's headers.
#include <poll.h>

#include <jobengine/action.hpp>
#include <string>
#include <thread>

static_assert(JE_ABI_MAJOR == 1 && JE_ABI_MINOR == JE_EXPECTED_MINOR, "not the headers meant");

namespace {

class Talks : public jobengine::Action {
 public:
  std::string name() const override { return "frozen_talks"; }
  std::string description() const override { return "Says all it can"; }
  bool pull_mode() const override { return true; }

  int run(jobengine::Job& job) override {
    job.progress(40);
    job.add_affected_resource("deployment/7");
    job.log(jobengine::LogLevel::warning, "a warning");
    job.log("a line");
    if (job.document().at("id") != job.id()) return job.fail("another job's document");
    pollfd stop{job.stop_descriptor(), POLLIN, 0};
    if (::poll(&stop, 1, 0) != 0) return job.fail("the stop descriptor is readable");
    job.wait_for_stop(std::chrono::milliseconds(0));
    const auto self = job.api().get(job.id());
    std::thread other([&] { job.progress(60); });
    other.join();
    job.status(job.action() + " of " + job.target() + ", attempt " + std::to_string(job.attempt()) +
               (job.resumed() ? " again" : "") + ", payload " + job.payload().dump() + ", " +
               self.value("state", "?") + ", " + (job.stop_requested() ? "stopped" : "going on"));
    return 0;
  }
};

class Fails : public jobengine::Action {
 public:
  std::string name() const override { return "frozen_fails"; }
  std::string description() const override { return "Fails or throws"; }
  int run(jobengine::Job& job) override {
    if (job.payload() == "throw") throw std::runtime_error("thrown");
    return job.fail("failed");
  }
};

class Leaves : public jobengine::Action {
 public:
  std::string name() const override { return "frozen_leaves"; }
  std::string description() const override { return "Leaves its job running"; }
  int run(jobengine::Job& job) override { return job.left_running(); }
};

}  // namespace

JE_EXPORT_ACTIONS(Talks, Fails, Leaves);
