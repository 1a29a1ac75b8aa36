#include "tests/integration/executor/executor_process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "common/runtime/failure.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "tests/integration/executor/bench.hpp"
#include "tests/servers/zookeeper_server.hpp"

namespace jobengine::tests {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr const char* log_name = "executor.log";
constexpr auto patience = 60s;

runtime::ChildProcess spawn(asio::io_context& loop, const std::string& log,
                            std::vector<std::string> arguments) {
  const int descriptor = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  runtime::SpawnRequest request;
  request.argv = std::move(arguments);
  request.argv.insert(request.argv.begin(), program_path("job-executor"));
  request.descriptors = {{descriptor, 1}, {descriptor, 2}};
  auto process = runtime::ChildProcess::spawn(loop, request);
  ::close(descriptor);
  return process;
}

cimi::ClientOptions administrator(const std::string& url) {
  cimi::ClientOptions options;
  options.url = url;
  options.insecure = true;
  options.user = api_admin;
  options.password = api_password;
  return options;
}

ApiServerOptions api_options(const std::string& zk_hosts) {
  ApiServerOptions options;
  options.zk_hosts = zk_hosts;
  return options;
}

}  // namespace

ExecutorProcess::ExecutorProcess(asio::io_context& loop, std::vector<std::string> arguments)
    : process_(spawn(loop, (directory_.path() / log_name).string(), std::move(arguments))) {}

awaitable<int> ExecutorProcess::end() {
  const bool ended = co_await process_.exited().wait_for(patience);
  if (!ended) {
    process_.signal(SIGKILL);
    throw runtime::Failure("job-executor does not end: " + output());
  }
  const runtime::ExitStatus& status = process_.status();
  co_return status.signal_number == 0 ? status.code : 128 + status.signal_number;
}

std::string ExecutorProcess::output() const {
  std::ifstream file(directory_.path() / log_name);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Servers::Servers()
    : zk_hosts(ZooKeeperServer::shared().fresh_chroot()), api(api_options(zk_hosts)) {}

std::vector<std::string> Servers::executor(const std::vector<std::string>& further) const {
  std::vector<std::string> arguments = {
      "--zk-hosts", zk_hosts,        "--zk-session-timeout", "4s",
      "--api-url",  api.url(),       "--api-insecure",       "--api-user",
      api_admin,    "--api-pass",    api_password,           "--log-level",
      "DEBUG",      "--actions-dir", good_plugins()};
  arguments.insert(arguments.end(), further.begin(), further.end());
  return arguments;
}

std::vector<std::string> Servers::pull(const std::string& job_id) const {
  return {"--api-url",  api.url(),       "--api-insecure", "--api-user", api_admin, "--api-pass",
          api_password, "--actions-dir", good_plugins(),   "--job-id",   job_id};
}

Observer::Observer(asio::io_context& loop, const Servers& servers)
    : client(cimi::make_http_client(loop, administrator(servers.api.url()))),
      session(zookeeper::make_session(loop, zookeeper::parse_hosts({servers.zk_hosts}))),
      queue(*session) {}

awaitable<std::string> Observer::submit(std::string action, json attributes) {
  json document = attributes.is_null() ? json::object() : std::move(attributes);
  document["action"] = action;
  const cimi::Reply reply = co_await client->add("job", std::move(document));
  if (!reply.ok()) throw runtime::Failure("cannot add a job: " + reply.message);
  co_return reply.location;
}

awaitable<json> Observer::job(std::string id) {
  cimi::Reply reply = co_await client->get(std::move(id));
  co_return std::move(reply.document);
}

awaitable<json> Observer::wait_until(std::string id, std::string attribute, json value) {
  const auto deadline = runtime::Clock::now() + patience;
  runtime::Event never;
  for (;;) {
    json found = co_await job(id);
    if (found.is_object() && found.value(attribute, json()) == value) co_return found;
    if (runtime::Clock::now() > deadline) {
      throw runtime::Failure("waited in vain for " + attribute + " " + value.dump() + " of " +
                             found.dump());
    }
    co_await never.wait_for(20ms);
  }
}

awaitable<bool> Observer::wait_for_depth(std::size_t entries, std::size_t taken) {
  const auto deadline = runtime::Clock::now() + patience;
  runtime::Event never;
  while (runtime::Clock::now() < deadline) {
    const queue::Depth depth = co_await queue.depth();
    if (depth.entries == entries && depth.taken == taken) co_return true;
    co_await never.wait_for(20ms);
  }
  co_return false;
}

awaitable<void> Observer::close() {
  co_await session->close();
}

}  // namespace jobengine::tests
