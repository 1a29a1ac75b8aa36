#include "tests/servers/api_server.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include "common/runtime/child_process.hpp"
#include "common/runtime/event_loop.hpp"
#include "common/runtime/failure.hpp"

extern char** environ;

namespace jobengine::tests {
namespace {

constexpr auto start_limit = std::chrono::seconds(60);
constexpr auto stop_limit = std::chrono::seconds(30);

std::string content_of(const std::string& file) {
  std::ifstream stream(file);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

std::vector<std::string> environment_with_password() {
  std::vector<std::string> variables;
  for (char** one = environ; *one != nullptr; ++one) variables.emplace_back(*one);
  variables.push_back(std::string("JOB_API_ADMIN_PASSWORD=") + api_password);
  return variables;
}

// The first line of a pipe; what came until then when it is closed or too late.
std::string first_line(int descriptor) {
  const auto deadline = std::chrono::steady_clock::now() + start_limit;
  std::string line;
  while (line.empty() || line.back() != '\n') {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd wanted{descriptor, POLLIN, 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(std::max<long>(left.count(), 0)));
    if (ready < 0 && errno == EINTR) continue;
    char c = 0;
    if (ready <= 0 || ::read(descriptor, &c, 1) != 1) break;
    line += c;
  }
  return line;
}

}  // namespace

struct ApiServer::State {
  TemporaryDirectory directory;
  ApiServerOptions options;
  std::string log_file;
  std::string url;
  std::uint16_t port = 0;
  runtime::EventLoop loop;
  std::optional<runtime::ChildProcess> process;

  void start() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) throw runtime::Failure("no pipe");
    const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    runtime::SpawnRequest request;
    request.argv = {program_path("job-api"),
                    "--listen",
                    "127.0.0.1:" + std::to_string(port),
                    "--database",
                    options.database,
                    "--zk-hosts",
                    options.zk_hosts};
    request.argv.insert(request.argv.end(), options.arguments.begin(), options.arguments.end());
    request.environment = environment_with_password();
    request.environment->insert(request.environment->end(), options.environment.begin(),
                                options.environment.end());
    request.descriptors = {{ends[1], 1}, {log, 2}};
    process.emplace(runtime::ChildProcess::spawn(loop.context(), request));
    ::close(ends[1]);
    ::close(log);
    const auto line = first_line(ends[0]);
    ::close(ends[0]);
    const auto at = line.find("http");
    if (at == std::string::npos) {
      process.reset();
      throw runtime::Failure("job-api does not come up: " + line + content_of(log_file));
    }
    url = line.substr(at, line.find_first_of(" \r\n", at) - at);
    port = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  }

  // Ends the process and returns how it ended.
  runtime::ExitStatus end(int signal) {
    runtime::ExitStatus status;
    if (!process) return status;
    process->signal(signal);
    auto wait = [](State* self, runtime::ExitStatus* result) -> awaitable<void> {
      const bool ended = co_await self->process->exited().wait_for(stop_limit);
      if (!ended) {
        const auto grace = std::chrono::seconds(0);
        *result = co_await self->process->stop(grace);
      } else {
        *result = self->process->status();
      }
    };
    loop.run(wait(this, &status));
    process.reset();
    return status;
  }
};

ApiServer::ApiServer(const ApiServerOptions& options) : state_(std::make_unique<State>()) {
  state_->options = options;
  if (options.database.empty()) {
    state_->options.database = (state_->directory.path() / "job-api.sqlite").string();
  }
  // Port 1 of the loopback: reserved, refused at once.
  if (options.zk_hosts.empty()) state_->options.zk_hosts = "127.0.0.1:1";
  state_->log_file = (state_->directory.path() / "job-api.log").string();
  state_->start();
}

ApiServer::~ApiServer() {
  state_->end(SIGKILL);
}

const std::string& ApiServer::url() const {
  return state_->url;
}
std::uint16_t ApiServer::port() const {
  return state_->port;
}
int ApiServer::pid() const {
  return state_->process ? state_->process->pid() : 0;
}
std::string ApiServer::log() const {
  return content_of(state_->log_file);
}

int ApiServer::stop() {
  const auto status = state_->end(SIGTERM);
  return status.signal_number != 0 ? 128 + status.signal_number : status.code;
}

void ApiServer::kill() {
  state_->end(SIGKILL);
}
void ApiServer::restart() {
  state_->start();
}

}  // namespace jobengine::tests
