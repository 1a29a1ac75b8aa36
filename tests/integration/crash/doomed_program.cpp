#include "tests/integration/crash/doomed_program.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <sstream>

#include "common/runtime/failure.hpp"
#include "tests/servers/api_server.hpp"

extern char** environ;

namespace jobengine::tests {

using namespace std::chrono_literals;

namespace {

constexpr const char* log_name = "program.log";
constexpr auto patience = 60s;

runtime::ChildProcess spawn(asio::io_context& loop, const std::string& log,
                            const std::string& program, std::vector<std::string> arguments,
                            const std::string& doom) {
  std::vector<std::string> environment;
  for (char** one = environ; *one != nullptr; ++one) environment.emplace_back(*one);
  environment.push_back(std::string("JOB_API_ADMIN_PASSWORD=") + api_password);
  if (!doom.empty()) environment.push_back(doom);
  const int descriptor = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  runtime::SpawnRequest request;
  request.argv = std::move(arguments);
  request.argv.insert(request.argv.begin(), program_path(program));
  request.environment = std::move(environment);
  request.descriptors = {{descriptor, 1}, {descriptor, 2}};
  auto process = runtime::ChildProcess::spawn(loop, request);
  ::close(descriptor);
  return process;
}

}  // namespace

// "1234 (name) S 1 …"
char state_of(int process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto at = text.rfind(") ");
  return at == std::string::npos ? ' ' : text[at + 2];
}

DoomedProgram::DoomedProgram(asio::io_context& loop, const std::string& program,
                             std::vector<std::string> arguments, const std::string& doom)
    : process_(spawn(loop, (directory_.path() / log_name).string(), program, std::move(arguments),
                     doom)) {}

awaitable<int> DoomedProgram::end() {
  const bool ended = co_await process_.exited().wait_for(patience);
  if (!ended) {
    process_.signal(SIGKILL);
    throw runtime::Failure("it does not end: " + output());
  }
  const runtime::ExitStatus& status = process_.status();
  co_return status.signal_number == 0 ? status.code : 128 + status.signal_number;
}

bool DoomedProgram::frozen() const {
  return state_of(process_.pid()) == 'T';
}

std::string DoomedProgram::output() const {
  std::ifstream file(directory_.path() / log_name);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

awaitable<std::set<std::string>> crash_points_of(asio::io_context& loop, std::string program) {
  std::vector<std::string> no_arguments;
  DoomedProgram asked(loop, program, std::move(no_arguments), dies_at("no.such.point"));
  const int code = co_await asked.end();
  const std::string output = asked.output();
  const std::string before_names = "expected one of";
  const auto at = output.find(before_names);
  if (code != 1 || at == std::string::npos) {
    throw runtime::Failure(program + " runs although it has no such point: " + output);
  }
  std::istringstream names(output.substr(at + before_names.size()));
  std::set<std::string> points;
  for (std::string name; names >> name;) {
    while (!name.empty() && std::string("\"},").find(name.back()) != std::string::npos) {
      name.pop_back();
    }
    points.insert(name);
  }
  co_return points;
}

}  // namespace jobengine::tests
