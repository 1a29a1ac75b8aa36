#include "tests/integration/crash/small_system.hpp"

#include <csignal>
#include <fstream>

#include "common/runtime/failure.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {

using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto patience = 90s;
constexpr auto pace = 20ms;
constexpr const char* everybody = "group/nuvla-admin";

}  // namespace

awaitable<void> wait_for(std::function<bool()> condition, std::string what) {
  const bool came = co_await eventually(std::move(condition), patience);
  if (!came) throw runtime::Failure("waited in vain for " + what);
}

awaitable<int> stop_executor(DoomedProgram& executor) {
  const auto started = [&executor] {
    return executor.output().find("executor started") != std::string::npos;
  };
  co_await wait_for(started, "the start of an executor");
  executor.signal(SIGTERM);
  const int code = co_await executor.end();
  co_return code;
}

SmallSystem::SmallSystem(asio::io_context& its_loop, std::string api_url)
    : loop(its_loop),
      zk_hosts(ZooKeeperServer::shared().fresh_chroot()),
      session(zookeeper::make_session(loop, zookeeper::parse_hosts({zk_hosts}))),
      queue(*session),
      api_url_(std::move(api_url)),
      oracle_((directory_.path() / "oracle").string()) {
  if (!api_url_.empty()) connect_client();
}

SmallSystem::SmallSystem(asio::io_context& its_loop) : SmallSystem(its_loop, "") {}

void SmallSystem::connect_client() {
  cimi::ClientOptions options;
  options.url = api_url_;
  options.authn_header = everybody;
  client = cimi::make_http_client(loop, std::move(options));
}

std::vector<std::string> SmallSystem::executor_options() const {
  return {"--zk-hosts",
          zk_hosts,
          "--zk-session-timeout",
          "4s",
          "--api-url",
          api_url_,
          "--api-authn-header",
          everybody,
          "--slots",
          "1",
          "--log-level",
          "DEBUG",
          "--actions-dir",
          build_directory() + "/tests/plugins/crash"};
}

std::unique_ptr<DoomedProgram> SmallSystem::executor(const std::string& doom) {
  return std::make_unique<DoomedProgram>(loop, "job-executor", executor_options(), doom);
}

std::unique_ptr<DoomedProgram> SmallSystem::lasting_executor(const std::string& doom) {
  std::vector<std::string> arguments = executor_options();
  arguments.insert(arguments.end(), {"--state-dir", (directory_.path() / "state").string()});
  return std::make_unique<DoomedProgram>(loop, "job-executor", std::move(arguments), doom);
}

std::unique_ptr<DoomedProgram> SmallSystem::distributor(const std::string& distributions,
                                                        const std::string& doom) {
  const std::string file = directory_.file("distributions.yaml", distributions);
  std::vector<std::string> arguments = {"--zk-hosts", zk_hosts, "--zk-session-timeout", "4s",
                                        "--api-url",  api_url_, "--api-authn-header",   everybody,
                                        "--config",   file,     "--log-level",          "DEBUG"};
  return std::make_unique<DoomedProgram>(loop, "job-distributor", std::move(arguments), doom);
}

awaitable<void> SmallSystem::start_api(std::vector<std::string> further, std::string doom) {
  const std::string listen = api_url_.empty() ? "127.0.0.1:0" : api_url_.substr(7);
  std::vector<std::string> arguments = {"--listen",
                                        listen,
                                        "--database",
                                        (directory_.path() / "job-api.sqlite").string(),
                                        "--zk-hosts",
                                        zk_hosts,
                                        "--zk-session-timeout",
                                        "4s",
                                        trusting};
  arguments.insert(arguments.end(), further.begin(), further.end());
  api_ = std::make_unique<DoomedProgram>(loop, "job-api", std::move(arguments), doom);
  const auto serving = [this] {
    const std::string output = api_->output();
    const auto at = output.find("http://127.0.0.1:");
    const auto end = output.find_first_of(" \r\n/\"", at + 17);
    if (at == std::string::npos || end == std::string::npos) return false;
    api_url_ = output.substr(at, end - at);
    return true;
  };
  co_await wait_for(serving, "job-api");
  if (!client) connect_client();
}

json SmallSystem::job_document(json payload) const {
  payload["oracle"] = oracle_;
  if (payload.value("gate", false)) payload["gate"] = gate();
  json document;
  document["action"] = "crash_test";
  document["payload"] = payload.dump();
  return document;
}

awaitable<std::string> SmallSystem::store_without_entry(json document) {
  // Of a pull job the API makes no entry, whatever becomes of it.
  document["execution-mode"] = "pull";
  const cimi::Reply added = co_await client->add("job", std::move(document));
  if (!added.ok()) throw runtime::Failure("cannot add a job: " + added.message);
  json push;
  push["execution-mode"] = "push";
  const cimi::Reply edited = co_await client->edit(added.location, std::move(push));
  if (!edited.ok()) throw runtime::Failure("cannot edit a job: " + edited.message);
  co_return added.location;
}

awaitable<std::string> SmallSystem::submit(json payload) {
  json document = job_document(std::move(payload));
  const std::string id = co_await store_without_entry(std::move(document));
  co_await queue.put(id, 10);
  co_return id;
}

awaitable<json> SmallSystem::job(std::string id) {
  cimi::Reply reply = co_await client->get(std::move(id));
  if (!reply.ok()) throw runtime::Failure("cannot read a job: " + reply.message);
  co_return std::move(reply.document);
}

awaitable<json> SmallSystem::wait_until_final(std::string id) {
  const auto deadline = runtime::Clock::now() + patience;
  runtime::Event never;
  for (;;) {
    json found = co_await job(id);
    const std::string state = found.value("state", "");
    if (state == "SUCCESS" || state == "FAILED") co_return found;
    if (runtime::Clock::now() > deadline) {
      throw runtime::Failure("waited in vain for the end of " + found.dump());
    }
    co_await never.wait_for(pace);
  }
}

awaitable<void> SmallSystem::wait_until_queue_is_empty() {
  const auto deadline = runtime::Clock::now() + patience;
  runtime::Event never;
  for (;;) {
    const queue::Depth depth = co_await queue.depth();
    const auto records = co_await session->children("/job/attempts");
    if (depth.entries + depth.taken + records.names.size() == 0) co_return;
    if (runtime::Clock::now() > deadline) {
      throw runtime::Failure("not empty: " + std::to_string(depth.entries) + " entries, " +
                             std::to_string(depth.taken) + " locks, " +
                             std::to_string(records.names.size()) + " attempt records" +
                             (records.names.empty() ? "" : ", " + records.names.front()));
    }
    co_await never.wait_for(pace);
  }
}

// ZooKeeper counts what was made in a folder and what was removed from it, in one.
awaitable<std::size_t> SmallSystem::entries_made() {
  const auto folder = co_await session->exists("/job/entries");
  co_return static_cast<std::size_t>(folder.stat.child_version + folder.stat.child_count) / 2;
}

void SmallSystem::open_gate() const {
  std::ofstream(gate()) << "open";
}

awaitable<void> SmallSystem::close() {
  co_await session->close();
}

}  // namespace jobengine::tests
