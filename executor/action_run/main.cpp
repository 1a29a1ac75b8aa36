// job-action-run: what `jobctl run` starts. Reads a TrialRequest from standard input.
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <string>

#include "common/runtime/event_loop.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"
#include "executor/action_run/trial.hpp"
#include "executor/hosts/host_environment.hpp"

namespace {

using namespace jobengine;
using namespace jobengine::executor;

constexpr const char* usage =
    "job-action-run: runs one action of one plugin by itself, as `jobctl run` asks for it with a\n"
    "JSON object on standard input. Use jobctl run.\n"
    "\n"
    "  --help, --version\n";

HostCommand host_command() {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  HostCommand command;
  command.program = (self.parent_path() / "job-action-host").string();
  command.environment = host_environment(environ, {});
  return command;
}

int run_trial() {
  const std::string text{std::istreambuf_iterator<char>(std::cin),
                         std::istreambuf_iterator<char>()};
  TrialRequest request = parse_trial_request(text);
  // What its people want to know is in the report.
  telemetry::LogOptions quiet;
  quiet.program = "job-action-run";
  quiet.level = telemetry::Level::Critical;
  telemetry::start_logging(quiet);
  TrialReport report(stdout, request.json);
  runtime::EventLoop loop;
  runtime::StopSignal stop(loop.context());
  int code = 1;
  auto story = [&]() -> awaitable<void> {
    code = co_await try_action(loop.context(), host_command(), std::move(request), report, stop);
  };
  loop.run(story());
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view option = argc > 1 ? argv[1] : "";
  if (option == "--help") {
    std::cout << usage;
    return 0;
  }
  if (option == "--version") {
    std::cout << "job-action-run " << JE_VERSION << '\n';
    return 0;
  }
  if (argc > 1) {
    std::cerr << usage;
    return 2;
  }
  // Whoever reads our output may stop reading.
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return run_trial();
  } catch (const std::exception& failure) {
    std::cerr << "jobctl: " << failure.what() << '\n';
    return 1;
  }
}
