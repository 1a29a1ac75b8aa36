// job-action-host: the child of job-executor that holds one plugin and runs one job at a time. All
// plugin code of the engine runs in such processes and nowhere else.
#include <cxxabi.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "common/runtime/descendants.hpp"
#include "common/runtime/failure.hpp"
#include "executor/action_host/channel.hpp"
#include "executor/action_host/clean_slate.hpp"
#include "executor/action_host/crash_report.hpp"
#include "executor/action_host/executable_action.hpp"
#include "executor/action_host/job_callbacks.hpp"
#include "executor/action_host/lease_guard.hpp"
#include "executor/action_host/plugin_library.hpp"
#include "executor/action_host/program_process.hpp"
#include "executor/hosts/breakdown.hpp"
#include "executor/hosts/host_limits.hpp"
#include "executor/plugins/action_file.hpp"
#include "executor/plugins/payload_check.hpp"

namespace {

using namespace jobengine;
using namespace jobengine::executor;

constexpr int conversation = 3;  // the descriptor the executor hands us

constexpr const char* usage =
    "job-action-host: runs the actions of one plugin for job-executor\n"
    "\n"
    "  --describe FILE  print the manifests of the actions of a plugin (.so) or an action file\n"
    "                   (.action.yaml), one JSON object a line, or {\"refused\": \"reason\"}; "
    "exit\n"
    "                   code 0 or 1; {\"warning\": …} for keys that mean nothing\n"
    "  --serve FILE     load the plugin, or read the action file, and take jobs over descriptor 3, "
    "as\n"
    "                   the executor starts it\n"
    "  --help, --version\n"
    "\n"
    "Before those two, limits for this process and what it starts: --memory BYTES,\n"
    "--open-files N, --processes N, --file-size BYTES.\n";

// Runs asked for by the executor, handed from the reading thread to the action thread.
class RunQueue {
 public:
  void put(RunMessage run) {
    const std::lock_guard lock(mutex_);
    runs_.push_back(std::move(run));
    arrived_.notify_one();
  }
  RunMessage take() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return !runs_.empty(); });
    RunMessage run = std::move(runs_.front());
    runs_.pop_front();
    return run;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<RunMessage> runs_;
};

// What came out of an action's C function, where nothing may be thrown. Inside a catch block only.
std::string describe_thrown() {
  std::string name = "something";
  if (const std::type_info* type = abi::__cxa_current_exception_type(); type != nullptr) {
    int result = 0;
    char* readable = abi::__cxa_demangle(type->name(), nullptr, nullptr, &result);
    name = result == 0 ? readable : type->name();
    std::free(readable);
  }
  return "the action threw " + name + " (" + runtime::describe(std::current_exception()) +
         ") out of its C function, where nothing may be thrown";
}

// One run with all that comes after it, so that the process is as clean as it can be, or known not
// to be, before anybody hears of the result.
ResultMessage run_action(const je_action& action, JobContext& context, CleanSlate& slate) {
  ResultMessage result;
  std::string thrown;
  try {
    result = context.run(action);
  } catch (...) {
    thrown = describe_thrown();
    result.outcome = JE_OUTCOME_FAILED;
    result.message = thrown;
  }
  result.worn = slate.restore();
  if (!thrown.empty()) result.worn = thrown;
  return result;
}

std::string line_of(const nlohmann::json& document) {
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// Throws Failure for what an executor would refuse.
std::string description_of(const std::string& file) {
  std::string lines;
  if (is_action_file(file)) {
    const ActionFile action = read_action_file(file);
    for (const std::string& warning : action.warnings) lines += line_of({{"warning", warning}});
    return lines + line_of(to_json(action.manifest));
  }
  const PluginLibrary library(file);
  for (const Manifest& manifest : library.manifests()) {
    payload_schema_of(manifest);
    lines += line_of(to_json(manifest));
  }
  return lines;
}

int describe_file(const std::string& file) {
  // What a plugin prints while it loads must not look like our answer.
  const int answer = ::dup(STDOUT_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  std::string lines;
  int code = 0;
  try {
    lines = description_of(file);
  } catch (...) {
    lines = line_of({{"refused", runtime::describe(std::current_exception())}});
    code = 1;
  }
  for (std::string_view rest = lines; !rest.empty();) {
    const ssize_t size = ::write(answer, rest.data(), rest.size());
    if (size <= 0) return 1;
    rest.remove_prefix(static_cast<std::size_t>(size));
  }
  return code;
}

// What an action has printed is in the pipes before its result is known. Not fflush(nullptr): that
// waits for every stream, also for one on which a thread of the action blocks for ever.
void flush_output() {
  try {
    std::cout.flush();
    std::cerr.flush();
    std::clog.flush();
  } catch (...) {
    std::fputs("job-action-host: a standard stream threw an exception\n", stderr);
  }
  std::fflush(stdout);
  std::fflush(stderr);
}

// Actions: PluginLibrary or ExecutableAction.
template <class Actions>
[[noreturn]] void serve(const std::string& file) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  runtime::adopt_orphans();
  report_crashes();
  ::fcntl(conversation, F_SETFD, FD_CLOEXEC);  // programs an action starts do not inherit it
  std::setvbuf(stdout, nullptr, _IOLBF, 0);    // it is a pipe; a crash must not swallow lines

  // The executor ends what such a host leaves behind, and the record of the job says what it did.
  LeaseGuard guard(end_process_group, [] { ::_exit(exit_connection_gone); });
  StopFlag stop;
  AnswerBook answers;
  RunQueue runs;
  auto receive = [&](ToHost message) {
    if (auto* run = std::get_if<RunMessage>(&message)) {
      guard.set(run->lease);
      stop.reset();
      runs.put(std::move(*run));
    } else if (auto* lease = std::get_if<LeaseMessage>(&message)) {
      guard.set(lease->lease);
    } else if (auto* answer = std::get_if<ApiAnswerMessage>(&message)) {
      answers.put(std::move(*answer));
    } else {
      stop.raise();
    }
  };
  Channel channel(conversation, receive);
  try {
    const Actions actions(file);
    channel.send(ReadyMessage{actions.manifests()});
    CleanSlate slate;
    for (;;) {
      RunMessage run = runs.take();
      const je_action* action = actions.find(run.action);
      if (action == nullptr) throw runtime::Failure("has no action " + run.action);
      JobContext context(std::move(run), channel, stop, answers);
      ResultMessage result = run_action(*action, context, slate);
      flush_output();
      channel.send(std::move(result));
    }
  } catch (...) {
    channel.send(RefusedMessage{runtime::describe(std::current_exception())});
    channel.flush();
    ::_exit(1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    HostLimits limits;
    while (arguments.size() > 2 && take_argument(limits, arguments[0], arguments[1])) {
      arguments.erase(arguments.begin(), arguments.begin() + 2);
    }
    apply(limits);
  } catch (const runtime::Failure& failure) {
    std::cerr << "job-action-host: " << failure.what() << '\n';
    return 2;
  }
  const std::string option = arguments.empty() ? "" : arguments[0];
  if (arguments.size() == 2 && option == "--describe") return describe_file(arguments[1]);
  if (arguments.size() == 2 && option == "--serve") {
    if (!is_action_file(arguments[1])) serve<PluginLibrary>(arguments[1]);
    prepare_for_programs();
    serve<ExecutableAction>(arguments[1]);
  }
  if (option == "--help") {
    std::cout << usage;
    return 0;
  }
  if (option == "--version") {
    std::cout << "job-action-host " << JE_VERSION << '\n';
    return 0;
  }
  std::cerr << "job-action-host: expected --describe FILE or --serve FILE\n\n" << usage;
  return 2;
}
