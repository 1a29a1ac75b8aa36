#include "tests/integration/distributor/distributor_process.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "common/runtime/failure.hpp"

namespace jobengine::tests {

using namespace std::chrono_literals;

namespace {

constexpr const char* log_name = "distributor.log";

runtime::ChildProcess spawn(asio::io_context& loop, const std::string& log,
                            std::vector<std::string> arguments) {
  const int descriptor = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  runtime::SpawnRequest request;
  request.argv = std::move(arguments);
  request.argv.insert(request.argv.begin(), program_path("job-distributor"));
  request.descriptors = {{descriptor, 1}, {descriptor, 2}};
  auto process = runtime::ChildProcess::spawn(loop, request);
  ::close(descriptor);
  return process;
}

}  // namespace

DistributorProcess::DistributorProcess(asio::io_context& loop, std::vector<std::string> arguments)
    : process_(spawn(loop, (directory_.path() / log_name).string(), std::move(arguments))) {}

awaitable<int> DistributorProcess::end() {
  const bool ended = co_await process_.exited().wait_for(60s);
  if (!ended) {
    process_.signal(SIGKILL);
    throw runtime::Failure("job-distributor does not end: " + output());
  }
  const runtime::ExitStatus& status = process_.status();
  co_return status.signal_number == 0 ? status.code : 128 + status.signal_number;
}

std::string DistributorProcess::output() const {
  std::ifstream file(directory_.path() / log_name);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::vector<std::string> connection_options(const std::string& zk_hosts,
                                            const std::string& api_url) {
  return {"--zk-hosts", zk_hosts,         "--zk-session-timeout", "2s",      "--api-url",
          api_url,      "--api-insecure", "--api-user",           api_admin, "--api-pass",
          api_password};
}

std::unique_ptr<cimi::Client> administrator(asio::io_context& loop, const std::string& api_url) {
  cimi::ClientOptions options;
  options.url = api_url;
  options.insecure = true;
  options.user = api_admin;
  options.password = api_password;
  return cimi::make_http_client(loop, std::move(options));
}

awaitable<std::vector<nlohmann::json>> jobs_of(cimi::Client& client, std::string action) {
  cimi::Search search;
  search.filter = "action=" + cimi::quoted(action);
  search.orderby = "created:asc";
  search.last = 1000;
  const cimi::Reply reply = co_await client.search("job", search);
  if (!reply.ok()) throw runtime::Failure("search failed: " + reply.message);
  co_return reply.document.at("resources").get<std::vector<nlohmann::json>>();
}

awaitable<std::vector<nlohmann::json>> wait_for_jobs(cimi::Client& client, std::string action,
                                                     std::size_t count) {
  const auto deadline = runtime::Clock::now() + 60s;
  runtime::Event never;
  std::vector<nlohmann::json> jobs;
  while (runtime::Clock::now() < deadline) {
    jobs = co_await jobs_of(client, action);
    if (jobs.size() >= count) break;
    co_await never.wait_for(50ms);
  }
  co_return jobs;
}

}  // namespace jobengine::tests
