// job-executor as a process with shared actions, real ZooKeeper and real job-api: what happens when
// one of them ignores every stop.
#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <iterator>

#include "ctl/development/free_port.hpp"
#include "tests/integration/executor/executor_process.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/sanitized_build.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

void in_system(const std::function<awaitable<void>(asio::io_context&, Servers&, Observer&)>& body) {
  Servers servers;
  run_on_loop(
      [&](asio::io_context& loop) -> awaitable<void> {
        Observer observer(loop, servers);
        co_await body(loop, servers, observer);
        co_await observer.close();
      },
      180s);
}

// The whole answer to a GET.
std::string page(std::uint16_t port, const std::string& path) {
  asio::ip::tcp::iostream stream("127.0.0.1", std::to_string(port));
  stream << "GET " << path << " HTTP/1.0\r\n\r\n" << std::flush;
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

constexpr int ended_at_once = 5;

// Of /proc/<pid>/status: "VmHWM:" in KB, "Threads:".
long status_of(pid_t pid, const std::string& wanted) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    if (word != wanted) continue;
    long value = 0;
    status >> value;
    return value;
  }
  return 0;
}

awaitable<void> submit_many(Observer& observer, int count, std::string action) {
  json one;
  one["action"] = action;
  cimi::Request request;
  request.method = "POST";
  request.path = "job";
  request.body = json(std::vector<json>(static_cast<std::size_t>(count), one)).dump();
  const cimi::Reply reply = co_await observer.client->request(std::move(request));
  CAPTURE(reply.message);
  REQUIRE(reply.ok());
}

awaitable<int> running_jobs(Observer& observer) {
  cimi::Search search;
  search.filter = "state='RUNNING'";
  search.last = 0;
  const cimi::Reply reply = co_await observer.client->search("job", std::move(search));
  co_return reply.ok() ? reply.document.value("count", 0) : 0;
}

}  // namespace

TEST_CASE("job-executor: shared actions run in it where its operator says so, else in a process") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor({"--shared-actions", "shared_tell_process",
                                                     "nobody_wrote_this", "test_ok"}));
    const std::string inside = co_await observer.submit("shared_tell_process");
    const std::string outside = co_await observer.submit("shared_ok");
    const json here = co_await observer.wait_until(inside, "state", "SUCCESS");
    CHECK(here["status-message"] == std::to_string(executor.pid()));
    co_await observer.wait_until(outside, "state", "SUCCESS");
    CHECK_THAT(executor.output(),
               Catch::Contains("an action of isolation shared runs in a process"));
    const std::string log = executor.output();
    CHECK_THAT(log, Catch::Contains("names an action that is not there"));
    CHECK_THAT(log, Catch::Contains("names an action that does not ask for it"));
    executor.signal(SIGTERM);
    CHECK(co_await executor.end() == 0);
  });
}

TEST_CASE(
    "job-executor: it ends when the lease of a shared action passes, and another runs the job") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess first(loop, servers.executor({"--shared-actions", "all"}));
    const std::string id = co_await observer.submit("shared_deaf_at_first");
    co_await observer.wait_until(id, "status-message", "deaf");
    ZooKeeperServer::shared().freeze();
    const int code = co_await first.end();
    ZooKeeperServer::shared().thaw();
    // Where the orderly end takes half a second, the kernel is first.
    const bool in_order = code == ended_at_once;
    CHECK((in_order || code == 128 + SIGKILL));
    if (in_order) CHECK_THAT(first.output(), Catch::Contains("this executor ends at once"));
    ExecutorProcess second(loop, servers.executor({"--shared-actions", "all"}));
    const json job = co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(job["status-message"] == "attempt 2 resumed 1 of " + id + " on ");
    second.signal(SIGTERM);
    CHECK(co_await second.end() == 0);
  });
}

TEST_CASE("job-executor: a frozen executor with a shared action does not come back") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess first(loop, servers.executor({"--shared-actions", "all"}));
    const std::string id = co_await observer.submit("shared_deaf_at_first");
    co_await observer.wait_until(id, "status-message", "deaf");
    first.signal(SIGSTOP);
    ExecutorProcess second(loop, servers.executor({"--shared-actions", "all"}));
    const json done = co_await observer.wait_until(id, "state", "SUCCESS");
    // The kernel ends it while it stands still: it never goes on.
    CHECK(co_await first.end() == 128 + SIGKILL);
    const json job = co_await observer.job(id);
    CHECK(job == done);
  });
}

TEST_CASE("job-executor: a shared action deaf to the drain holds it up no longer than its limits") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const auto arguments =
        servers.executor({"--shared-actions", "all", "--drain-timeout", "200ms"});
    ExecutorProcess first(loop, arguments);
    const std::string id = co_await observer.submit("shared_deaf_at_first");
    co_await observer.wait_until(id, "status-message", "deaf");
    first.signal(SIGTERM);
    CHECK(co_await first.end() == ended_at_once);
    CHECK_THAT(first.output(), Catch::Contains("ignores the stop request; it cannot be killed"));
    ExecutorProcess second(loop, servers.executor({"--shared-actions", "all"}));
    co_await observer.wait_until(id, "state", "SUCCESS");
  });
}

TEST_CASE("job-executor: metrics and readiness tell of a shared action that ignores its stop") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const std::uint16_t port = development::free_port();
    ExecutorProcess executor(loop, servers.executor({"--shared-actions", "all", "--slots", "1",
                                                     "--telemetry-port", std::to_string(port)}));
    const std::string id =
        co_await observer.submit("shared_deaf", json::parse(R"({"payload": "12000"})"));
    co_await observer.wait_until(id, "status-message", "deaf");
    co_await observer.client->operation(id, "cancel");
    const auto stuck = [port](const char* count) {
      const std::string wanted = std::string("jobengine_executor_stuck_actions ") + count + "\n";
      return page(port, "/metrics").find(wanted) != std::string::npos;
    };
    const bool counted = co_await eventually([&stuck] { return stuck("1"); });
    CHECK(counted);
    CHECK_THAT(page(port, "/readyz"), Catch::Contains("every slot has a shared action"));
    const bool ended = co_await eventually([&stuck] { return stuck("0"); });
    CHECK(ended);
    CHECK_THAT(executor.output(),
               Catch::Contains("a shared action that ignored the stop request has ended"));
    const std::string next = co_await observer.submit("test_ok");
    co_await observer.wait_until(next, "state", "SUCCESS");
  });
}

TEST_CASE("job-executor: a thousand slots of shared actions stay within 200 MB") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const int slots = sanitized_build ? 100 : 1000;
    // A thousand starts at once may keep a busy machine from renewing a lease as short as it is in
    // other tests; the executor ends itself then.
    ExecutorProcess executor(
        loop, servers.executor({"--shared-actions", "all", "--slots", std::to_string(slots),
                                "--zk-session-timeout", "30s", "--drain-timeout", "200ms",
                                "--stop-grace", "60s"}));
    co_await submit_many(observer, slots, "shared_obey");
    runtime::Event never;
    long threads = 0;
    const auto deadline = runtime::Clock::now() + 150s;
    for (int running = 0; running < slots || threads <= slots;) {
      running = co_await running_jobs(observer);
      threads = status_of(executor.pid(), "Threads:");
      CAPTURE(running, threads);
      REQUIRE(executor.running());
      REQUIRE(runtime::Clock::now() < deadline);
      co_await never.wait_for(300ms);
    }
    const long peak_kb = status_of(executor.pid(), "VmHWM:");
    CAPTURE(peak_kb);
    if (!sanitized_build) CHECK(peak_kb < 200L * 1024);
    executor.signal(SIGTERM);
    CHECK(co_await executor.end() == 0);
  });
}

TEST_CASE("job-executor --job-id: shared actions, and the end of one that ignores its stop") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const std::string id = co_await observer.submit("shared_deaf_at_first",
                                                    json::parse(R"({"execution-mode": "pull"})"));
    auto arguments = servers.pull(id);
    arguments.insert(arguments.end(), {"--shared-actions", "all", "--drain-timeout", "200ms"});
    ExecutorProcess executor(loop, arguments);
    co_await observer.wait_until(id, "status-message", "deaf");
    executor.signal(SIGTERM);
    CHECK(co_await executor.end() == ended_at_once);
  });
}
