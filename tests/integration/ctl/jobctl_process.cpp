#include "tests/integration/ctl/jobctl_process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <memory>
#include <sstream>

#include "common/runtime/failure.hpp"

namespace jobengine::tests {

using namespace std::chrono_literals;
using runtime::Failure;

namespace {

std::string content(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

int exit_code(const runtime::ExitStatus& status) {
  return status.signal_number != 0 ? 128 + status.signal_number : status.code;
}

std::vector<std::string> environment_with(const std::vector<std::string>& variables) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("JOB_")) environment.emplace_back(*entry);
  }
  environment.insert(environment.end(), variables.begin(), variables.end());
  return environment;
}

// A child whose output goes to files of a temporary folder.
struct Running {
  Running(asio::io_context& loop, std::vector<std::string> argv,
          const std::vector<std::string>& variables)
      : out(directory.file("out", "")), err(directory.file("err", "")) {
    const int out_file = ::open(out.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    const int err_file = ::open(err.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    const int in_file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    runtime::SpawnRequest request;
    request.argv = std::move(argv);
    request.environment = environment_with(variables);
    request.descriptors = {{in_file, 0}, {out_file, 1}, {err_file, 2}};
    request.parent_death_signal = SIGKILL;
    child.emplace(runtime::ChildProcess::spawn(loop, request));
    for (const int file : {in_file, out_file, err_file}) ::close(file);
  }

  Ran ran() { return {exit_code(child->status()), content(out), content(err)}; }

  TemporaryDirectory directory;
  std::string out;
  std::string err;
  std::optional<runtime::ChildProcess> child;
};

// Turns the loop until `done` holds. False when two minutes pass first.
template <class Condition>
bool turn_until(asio::io_context& loop, Condition done) {
  const auto deadline = runtime::Clock::now() + 2min;
  while (!done()) {
    if (runtime::Clock::now() >= deadline) return false;
    loop.restart();
    loop.run_for(10ms);
  }
  return true;
}

}  // namespace

Ran run_program(std::vector<std::string> argv, const std::vector<std::string>& variables) {
  asio::io_context loop;
  const std::string name = argv.front();
  Running running(loop, std::move(argv), variables);
  auto& child = *running.child;
  if (!turn_until(loop, [&] { return child.exited().raised(); })) {
    throw Failure(name + " does not end; it said: " + content(running.err));
  }
  return running.ran();
}

Ran jobctl(std::vector<std::string> arguments, const std::vector<std::string>& variables) {
  arguments.insert(arguments.begin(), program_path("jobctl"));
  return run_program(std::move(arguments), variables);
}

struct DevProcess::State {
  explicit State(std::vector<std::string> argv) : running(loop, std::move(argv), {}) {}
  asio::io_context loop;
  Running running;
};

DevProcess::DevProcess(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {program_path("jobctl"), "-o", "json", "dev"});
  state_ = std::make_unique<State>(std::move(arguments));
  auto& running = state_->running;
  turn_until(state_->loop, [&] {
    return running.child->exited().raised() || content(running.out).find('\n') != std::string::npos;
  });
  const std::string told = content(running.out);
  if (told.find('\n') == std::string::npos) {
    throw Failure("jobctl dev does not start: " + content(running.err));
  }
  facts_ = nlohmann::json::parse(told.substr(0, told.find('\n')));
}

DevProcess::~DevProcess() {
  if (state_->running.child->exited().raised()) return;
  signal(SIGTERM);
  turn_until(state_->loop, [&] { return state_->running.child->exited().raised(); });
}

std::vector<std::string> DevProcess::variables() const {
  auto text = [this](const char* name) { return facts_.at(name).get<std::string>(); };
  return {"JOB_API_URL=" + text("api-url"), "JOB_API_USER=" + text("api-user"),
          "JOB_API_PASS_FILE=" + text("api-pass-file"), "JOB_ZK_HOSTS=" + text("zk-hosts")};
}

pid_t DevProcess::pid() const {
  return state_->running.child->pid();
}

pid_t DevProcess::pid_of(const std::string& process) const {
  for (const auto& facts : facts_.at("processes")) {
    if (facts.at("name") == process) return facts.at("pid").get<pid_t>();
  }
  throw Failure("jobctl dev runs no " + process);
}

std::vector<std::string> DevProcess::alive() const {
  std::vector<std::string> names;
  for (const auto& facts : facts_.at("processes")) {
    if (::kill(facts.at("pid").get<pid_t>(), 0) == 0) names.push_back(facts.at("name"));
  }
  return names;
}

void DevProcess::signal(int number) {
  state_->running.child->signal(number);
}

Ran DevProcess::ended() {
  auto& child = *state_->running.child;
  if (!turn_until(state_->loop, [&] { return child.exited().raised(); })) {
    throw Failure("jobctl dev does not end; it said: " + content(state_->running.err));
  }
  return state_->running.ran();
}

DevProcess& shared_dev() {
  static DevProcess dev({"--slots", "2", "--drain-timeout", "1s"});
  return dev;
}

}  // namespace jobengine::tests
