#include "ctl/development/system.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "common/runtime/failure.hpp"
#include "ctl/development/free_port.hpp"
#include "ctl/development/http_probe.hpp"

namespace jobengine::development {

using namespace std::chrono_literals;
using runtime::ChildProcess;
using runtime::Failure;

namespace {

constexpr auto start_limit = 60s;
constexpr auto stop_grace = 10s;

std::string numbered(const std::string& program, int number) {
  return program + "-" + std::to_string(number);
}

}  // namespace

struct System::Member {
  std::string name;
  ChildProcess process;
  std::uint16_t telemetry_port = 0;
  runtime::Duration grace;
};

struct System::Plan {
  std::string name;
  std::string program;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // beyond environment()
  runtime::Duration grace = stop_grace;
};

System::System(asio::io_context& loop, const SystemDirectory& directory, SystemOptions options)
    : loop_(loop),
      directory_(directory),
      options_(std::move(options)),
      watchers_(loop.get_executor()) {}
System::~System() = default;

std::string System::api_url() const {
  return "http://127.0.0.1:" + std::to_string(options_.api_port);
}
std::string System::zookeeper_hosts() const {
  return zookeeper_ ? zookeeper_->hosts() : "";
}

std::vector<std::string> System::environment() const {
  std::vector<std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    const bool ours = variable.starts_with("JOB_");
    if (!ours || variable.starts_with("JOB_LOG_")) variables.emplace_back(variable);
  }
  variables.push_back("JOB_API_URL=" + api_url());
  variables.push_back(std::string("JOB_API_USER=") + administrator);
  variables.push_back("JOB_API_PASS_FILE=" + directory_.password_file().string());
  variables.push_back("JOB_ZK_HOSTS=" + zookeeper_hosts());
  return variables;
}

System::Plan System::api_plan() const {
  Plan plan;
  plan.name = "job-api";
  plan.program = "job-api";
  plan.arguments = {"--listen", "127.0.0.1:" + std::to_string(options_.api_port), "--database",
                    (directory_.path() / "job-api.db").string()};
  if (!options_.resources.empty()) plan.arguments.emplace_back("--resources");
  plan.arguments.insert(plan.arguments.end(), options_.resources.begin(), options_.resources.end());
  plan.environment = {"JOB_API_ADMIN_PASSWORD=" + directory_.password()};
  return plan;
}

System::Plan System::distributor_plan(int number) const {
  Plan plan;
  plan.name = numbered("job-distributor", number);
  plan.program = "job-distributor";
  plan.arguments = {"--name", plan.name};
  return plan;
}

System::Plan System::executor_plan(int number) const {
  Plan plan;
  plan.name = numbered("job-executor", number);
  plan.program = "job-executor";
  plan.arguments = {"--name", plan.name, "--drain-timeout",
                    std::to_string(options_.drain_timeout.count()) + "ms"};
  if (options_.slots > 0) {
    plan.arguments.insert(plan.arguments.end(), {"--slots", std::to_string(options_.slots)});
  }
  if (!options_.actions.empty()) {
    plan.arguments.emplace_back("--actions-dir");
    const auto built_in =
        std::filesystem::path(options_.programs).parent_path() / "lib/job-engine/actions";
    if (std::filesystem::is_directory(built_in)) plan.arguments.push_back(built_in.string());
    plan.arguments.insert(plan.arguments.end(), options_.actions.begin(), options_.actions.end());
  }
  // After the drain it stops what still runs and gives the jobs back.
  plan.grace = options_.drain_timeout + stop_grace;
  return plan;
}

awaitable<void> System::start(runtime::Event& stop) {
  ZooKeeperOptions zookeeper;
  zookeeper.directory = (directory_.path() / "zookeeper").string();
  zookeeper.port = options_.zookeeper_port;
  auto started = co_await ZooKeeperProcess::start(std::move(zookeeper));
  zookeeper_.emplace(std::move(started));
  watchers_.spawn(watch("zookeeper", zookeeper_->process()));
  const bool any_port = options_.api_port == 0;
  // A free port may be taken by somebody else before job-api has it.
  constexpr int port_attempts = 5;
  for (int attempt = 1; !stop.raised(); ++attempt) {
    if (any_port) options_.api_port = free_port();
    std::string failure;
    Plan plan = api_plan();
    try {
      co_await start_member(std::move(plan), stop);
      break;
    } catch (const Failure& caught) {
      failure = caught.what();
    }
    const bool taken = failure.find("in use") != std::string::npos;
    if (!any_port || !taken || attempt == port_attempts) throw Failure(failure);
  }
  for (int number = 1; number <= options_.distributors; ++number) {
    Plan plan = distributor_plan(number);
    co_await start_member(std::move(plan), stop);
  }
  for (int number = 1; number <= options_.executors; ++number) {
    Plan plan = executor_plan(number);
    co_await start_member(std::move(plan), stop);
  }
}

ChildProcess System::spawn(const Plan& plan, std::uint16_t telemetry_port) const {
  const std::string log = directory_.log_of(plan.name).string();
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (out < 0) throw Failure("cannot write " + log + ": " + std::strerror(errno));
  runtime::SpawnRequest request;
  request.argv = {(std::filesystem::path(options_.programs) / plan.program).string(),
                  "--telemetry-port", std::to_string(telemetry_port)};
  request.argv.insert(request.argv.end(), plan.arguments.begin(), plan.arguments.end());
  request.environment = environment();
  request.environment->insert(request.environment->end(), plan.environment.begin(),
                              plan.environment.end());
  request.descriptors = {{out, 1}, {out, 2}};
  // Ctrl-C reaches us alone, so that we can stop them in the right order.
  request.new_session = true;
  request.parent_death_signal = SIGKILL;
  try {
    auto process = ChildProcess::spawn(loop_, request);
    ::close(out);
    return process;
  } catch (...) {
    ::close(out);
    throw;
  }
}

awaitable<bool> System::ready(ChildProcess& process, std::uint16_t telemetry_port,
                              runtime::TimePoint deadline, runtime::Event& stop) const {
  while (!process.exited().raised() && !stop.raised() && runtime::Clock::now() < deadline) {
    const auto reply = co_await probe("127.0.0.1", telemetry_port, "/readyz", 5s);
    constexpr int http_ok = 200;
    if (reply.status == http_ok) co_return true;
    const auto next_look = runtime::Clock::now() + 25ms;
    co_await runtime::Event::wait_either(process.exited(), stop, next_look);
  }
  co_return false;
}

awaitable<void> System::start_member(Plan plan, runtime::Event& stop) {
  constexpr int port_attempts = 5;
  for (int attempt = 1; !stop.raised(); ++attempt) {
    const std::uint16_t port = free_port();
    Member member{plan.name, spawn(plan, port), port, plan.grace};
    const auto deadline = runtime::Clock::now() + start_limit;
    const bool is_ready = co_await ready(member.process, port, deadline, stop);
    if (is_ready || stop.raised()) {
      members_.push_back(std::move(member));
      watchers_.spawn(watch(plan.name, members_.back().process));
      co_return;
    }
    const bool ended = member.process.exited().raised();
    const std::string end = end_of_log(directory_.log_of(plan.name));
    const bool telemetry_taken = end.find(":" + std::to_string(port)) != std::string::npos &&
                                 end.find("in use") != std::string::npos;
    if (ended && telemetry_taken && attempt < port_attempts) continue;
    std::string what = plan.name;
    what += ended ? " " + member.process.status().text() + " before it was ready"
                  : std::string(" is not ready in time");
    what += "; end of its log:\n" + end;
    throw Failure(what);
  }
}

awaitable<void> System::watch(std::string name, ChildProcess& process) {
  co_await process.exited().wait();
  if (stopping_ || died_.raised()) co_return;
  obituary_ = name + " " + process.status().text() + "; end of its log:\n" +
              end_of_log(directory_.log_of(name));
  died_.raise();
}

awaitable<void> System::end(std::string name, ChildProcess& process, runtime::Duration grace,
                            runtime::Event& at_once) {
  if (process.exited().raised()) co_return;
  process.signal(SIGTERM);
  const auto deadline = runtime::Clock::now() + grace;
  co_await runtime::Event::wait_either(process.exited(), at_once, deadline);
  if (!process.exited().raised() && at_once.raised()) {
    process.signal(SIGTERM);  // the second one: no more waiting for jobs
    co_await process.exited().wait_for(3s);
  }
  if (!process.exited().raised()) process.signal_group(SIGKILL);
  co_await process.exited().wait();
  // Java's exit code tells the signal, and nothing else.
  constexpr int java_terminated = 128 + SIGTERM;
  const auto& status = process.status();
  if (!status.success() && status.code != java_terminated) {
    bad_ends_.push_back(name + " " + status.text());
  }
}

awaitable<std::vector<std::string>> System::stop(runtime::Event& at_once) {
  stopping_ = true;
  for (const char* kind : {"job-executor", "job-distributor", "job-api"}) {
    runtime::TaskGroup ending(loop_.get_executor());
    for (Member& member : members_) {
      if (!member.name.starts_with(kind)) continue;
      ending.spawn(end(member.name, member.process, member.grace, at_once));
    }
    co_await ending.join();
  }
  if (zookeeper_) {
    auto& process = zookeeper_->process();
    co_await end("zookeeper", process, stop_grace, at_once);
  }
  co_await watchers_.join();
  co_return bad_ends_;
}

std::vector<ProcessFacts> System::processes() {
  std::vector<ProcessFacts> facts;
  if (zookeeper_) {
    facts.push_back(
        {"zookeeper", zookeeper_->process().pid(), 0, directory_.log_of("zookeeper").string()});
  }
  for (const Member& member : members_) {
    facts.push_back({member.name, member.process.pid(), member.telemetry_port,
                     directory_.log_of(member.name).string()});
  }
  return facts;
}

}  // namespace jobengine::development
