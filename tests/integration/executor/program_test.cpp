// job-executor as a process, with real ZooKeeper and real job-api.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>

#include "tests/integration/executor/bench.hpp"
#include "tests/integration/executor/executor_process.hpp"
#include "tests/servers/kazoo_peer.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// A test in a system of its own.
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

json attributes(const char* text) {
  return json::parse(text);
}

}  // namespace

TEST_CASE("job-executor: a job goes from QUEUED to SUCCESS and leaves the queue") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor());
    const std::string id = co_await observer.submit("test_ok");
    const json job = co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(job["return-code"] == 0);
    CHECK(job["progress"] == 100);
    CHECK(job["status-message"] == "half way");
    CHECK(job.contains("started"));
    CHECK(job["affected-resources"] == json::parse(R"([{"href": "deployment/7"}])"));
    CHECK(co_await observer.wait_for_depth(0, 0));
    executor.signal(SIGTERM);
    CHECK(co_await executor.end() == 0);
  });
}

TEST_CASE("job-executor: bad jobs end with a message, and their entries go") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor());
    const std::string crashing = co_await observer.submit("test_crash");
    const std::string unknown = co_await observer.submit("nobody_wrote_this");
    const std::string old = co_await observer.submit("test_ok", attributes(R"({"version": 1})"));
    const std::string odd =
        co_await observer.submit("test_ok", attributes(R"({"payload": "{no json"})"));
    const json crashed = co_await observer.wait_until(crashing, "state", "FAILED");
    CHECK_THAT(crashed["status-message"].get<std::string>(), Catch::Contains("Segmentation fault"));
    const json not_there = co_await observer.wait_until(unknown, "state", "FAILED");
    CHECK(not_there["status-message"] ==
          "Not implemented action " + unknown + ": nobody_wrote_this");
    const json too_old = co_await observer.wait_until(old, "state", "FAILED");
    CHECK_THAT(too_old["status-message"].get<std::string>(),
               Catch::StartsWith("Job v1 is not supported by Job engine v"));
    const json not_json = co_await observer.wait_until(odd, "state", "FAILED");
    CHECK_THAT(not_json["status-message"].get<std::string>(), Catch::Contains("not JSON"));
    CHECK(co_await observer.wait_for_depth(0, 0));
  });
}

TEST_CASE("job-executor: a job for a newer engine neither spins nor blocks, and can be cancelled") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const std::string newer =
        co_await observer.submit("test_ok", attributes(R"({"version": 3, "priority": 1})"));
    ExecutorProcess executor(loop, servers.executor({"--slots", "1"}));
    const std::string good = co_await observer.submit("test_ok");
    co_await observer.wait_until(good, "state", "SUCCESS");
    const json left = co_await observer.job(newer);
    CHECK(left["state"] == "QUEUED");
    co_await observer.client->operation(newer, "cancel");
    CHECK(co_await observer.wait_for_depth(0, 0));
  });
}

TEST_CASE("job-executor: entries of no job, and of none that exists, are consumed") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    co_await observer.queue.put("\x01garbage", 1);
    co_await observer.queue.put("", 1);
    co_await observer.queue.put("job/does-not-exist", 1);
    ExecutorProcess executor(loop, servers.executor({"--slots", "1"}));
    const std::string good = co_await observer.submit("test_ok");
    co_await observer.wait_until(good, "state", "SUCCESS");
    CHECK(co_await observer.wait_for_depth(0, 0));
    CHECK_THAT(executor.output(), Catch::Contains("?garbage"));
  });
}

TEST_CASE("job-executor: a cancel stops the running action") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor());
    const std::string id = co_await observer.submit("test_obey");
    co_await observer.wait_until(id, "status-message", "waiting for a stop");
    co_await observer.client->operation(id, "cancel");
    CHECK(co_await observer.wait_for_depth(0, 0));
    const json job = co_await observer.job(id);
    CHECK(job["state"] == "CANCELED");
    CHECK_FALSE(job.contains("return-code"));
  });
}

TEST_CASE("job-executor: SIGTERM lets a running job end, and takes no other") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor({"--slots", "1"}));
    const std::string running =
        co_await observer.submit("test_nap", attributes(R"({"payload": "1500"})"));
    co_await observer.wait_until(running, "status-message", "napping");
    executor.signal(SIGTERM);
    const std::string later = co_await observer.submit("test_ok");
    CHECK(co_await executor.end() == 0);
    const json ended = co_await observer.job(running);
    const json waiting = co_await observer.job(later);
    CHECK(ended["state"] == "SUCCESS");
    CHECK(waiting["state"] == "QUEUED");
    CHECK(co_await observer.wait_for_depth(1, 0));
  });
}

TEST_CASE("job-executor: what outlasts the drain is stopped and released at once") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor({"--drain-timeout", "500ms"}));
    const std::string id = co_await observer.submit("test_succeed_later");
    co_await observer.wait_until(id, "status-message", "first attempt");
    executor.signal(SIGTERM);
    CHECK(co_await executor.end() == 0);
    CHECK(co_await observer.wait_for_depth(1, 0));
    const json released = co_await observer.job(id);
    CHECK(released["state"] == "RUNNING");
    ExecutorProcess next(loop, servers.executor());
    const json job = co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(job["status-message"] == "attempt 2 resumed 1, the first one is gone");
  });
}

TEST_CASE("job-executor: a second signal skips the drain") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor({"--drain-timeout", "1h"}));
    const std::string id = co_await observer.submit("test_obey");
    co_await observer.wait_until(id, "status-message", "waiting for a stop");
    executor.signal(SIGINT);
    const bool draining = co_await eventually(
        [&] { return executor.output().find("draining") != std::string::npos; });
    CHECK(draining);
    executor.signal(SIGINT);
    CHECK(co_await executor.end() == 0);
    CHECK(co_await observer.wait_for_depth(1, 0));
  });
}

TEST_CASE("job-executor: the job of a killed executor is resumed by another") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess first(loop, servers.executor());
    const std::string id = co_await observer.submit("test_succeed_later");
    co_await observer.wait_until(id, "status-message", "first attempt");
    ExecutorProcess second(loop, servers.executor());
    first.signal(SIGKILL);
    const json job = co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(job["status-message"] == "attempt 2 resumed 1, the first one is gone");
    CHECK(co_await observer.wait_for_depth(0, 0));
  });
}

TEST_CASE("job-executor: what a kazoo peer puts is run") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    KazooPeer peer = co_await KazooPeer::start(servers.zk_hosts);
    // Of a pull job the API makes no entry: the peer's is the only one.
    const std::string id =
        co_await observer.submit("test_ok", attributes(R"({"execution-mode": "pull"})"));
    json push;
    push["execution-mode"] = "push";
    co_await observer.client->edit(id, std::move(push));
    co_await peer.ask("put " + id + " 10");
    ExecutorProcess executor(loop, servers.executor());
    co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(co_await observer.wait_for_depth(0, 0));
  });
}

TEST_CASE("job-executor: a frozen executor's action is dead before its job can be taken again") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess first(loop, servers.executor());
    const std::string id = co_await observer.submit("test_succeed_later");
    co_await observer.wait_until(id, "status-message", "first attempt");
    first.signal(SIGSTOP);
    ExecutorProcess second(loop, servers.executor());
    const json done = co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(done["status-message"] == "attempt 2 resumed 1, the first one is gone");
    first.signal(SIGCONT);
    const std::string next = co_await observer.submit("test_ok");
    co_await observer.wait_until(next, "state", "SUCCESS");
    const json job = co_await observer.job(id);
    CHECK(job == done);
    CHECK(co_await observer.wait_for_depth(0, 0));
    first.signal(SIGTERM);
    CHECK(co_await first.end() == 0);
  });
}

TEST_CASE("job-executor --job-id: runs one job without ZooKeeper, and tells by its exit code") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const json pull = attributes(R"({"execution-mode": "pull"})");
    const std::string good = co_await observer.submit("test_ok", pull);
    ExecutorProcess succeeds(loop, servers.pull(good));
    CHECK(co_await succeeds.end() == 0);
    const json job = co_await observer.job(good);
    CHECK(job["state"] == "SUCCESS");
    ExecutorProcess again(loop, servers.pull(good));
    CHECK(co_await again.end() == 0);
    const std::string bad = co_await observer.submit("test_crash", pull);
    ExecutorProcess fails(loop, servers.pull(bad));
    CHECK(co_await fails.end() == 3);
    ExecutorProcess nothing(loop, servers.pull("job/none"));
    CHECK(co_await nothing.end() == 4);
  });
}

TEST_CASE("job-executor: wrong use and wrong credentials end it with a message") {
  in_system([](asio::io_context& loop, Servers& servers, Observer&) -> awaitable<void> {
    ExecutorProcess stranger(loop, servers.executor({"--api-pass", "wrong"}));
    CHECK(co_await stranger.end() == 1);
    CHECK_THAT(stranger.output(), Catch::Contains(std::string("user ") + api_admin));
    ExecutorProcess lost(loop, servers.executor({"--actions-dir", "/nonexistent"}));
    CHECK(co_await lost.end() == 2);
    CHECK_THAT(lost.output(), Catch::Contains("/nonexistent"));
    const TemporaryDirectory empty;
    auto without_actions = servers.executor();
    const auto option = std::find(without_actions.begin(), without_actions.end(), "--actions-dir");
    *std::next(option) = empty.path().string();
    ExecutorProcess useless(loop, std::move(without_actions));
    CHECK(co_await useless.end() == 2);
    CHECK_THAT(useless.output(), Catch::Contains("no actions to run"));
    ExecutorProcess no_id(loop, servers.pull("deployment/1"));
    CHECK(co_await no_id.end() == 2);
    // Told at once, and not when an API that is away has come back.
    ExecutorProcess no_host(
        loop, servers.executor({"--api-url", "http://127.0.0.1:9", "--zk-hosts", "host:1:extra"}));
    CHECK(co_await no_host.end() == 2);
    CHECK_THAT(no_host.output(), Catch::Contains("host:1:extra"));
    ExecutorProcess no_slots(loop, servers.executor({"--slots", "0"}));
    CHECK(co_await no_slots.end() == 2);
  });
}
