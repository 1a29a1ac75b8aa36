// Retries and checkpoints with real ZooKeeper, real job-api and executors that are killed.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>

#include "tests/integration/executor/bench.hpp"
#include "tests/integration/executor/executor_process.hpp"
#include "tests/support/loop_test.hpp"

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

json with_payload(const char* payload) {
  json attributes;
  attributes["payload"] = payload;
  return attributes;
}

// The job waits for its retry: not running, but in somebody's hands.
awaitable<void> wait_until_parked(Observer& observer, std::string id) {
  const bool taken = co_await observer.wait_for_depth(1, 1);
  REQUIRE(taken);
  for (;;) {
    const json job = co_await observer.job(id);
    const auto message = job.value("status-message", "");
    if (job["state"] == "QUEUED" && message.starts_with("Retry ")) co_return;
    runtime::Event never;
    co_await never.wait_for(20ms);
  }
}

awaitable<std::size_t> count_records(Observer& observer) {
  const auto listing = co_await observer.session->children("/job/attempts");
  co_return listing.names.size();
}

}  // namespace

TEST_CASE("job-executor: a job succeeds at its third try, each later than the one before") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor());
    const std::string id = co_await observer.submit("retry_third_time");
    const json job = co_await observer.wait_until(id, "state", "SUCCESS");
    const json times = json::parse(job["status-message"].get<std::string>());
    REQUIRE(times.size() == 3);
    const auto at = [&](std::size_t i) { return times[i].get<std::int64_t>(); };
    CHECK(at(1) - at(0) >= 100);
    CHECK(at(2) - at(1) >= 200);
    const bool empty = co_await observer.wait_for_depth(0, 0);
    CHECK(empty);
    const std::size_t records = co_await count_records(observer);
    CHECK(records == 0);
  });
}

TEST_CASE("job-executor: a job that is never done is FAILED after its tries") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor());
    const std::string id = co_await observer.submit("retry_never_done");
    const json job = co_await observer.wait_until(id, "state", "FAILED");
    CHECK(job["status-message"] == "Gave up after 3 tries: the registry is busy");
    const bool empty = co_await observer.wait_for_depth(0, 0);
    CHECK(empty);
    const std::size_t records = co_await count_records(observer);
    CHECK(records == 0);
  });
}

TEST_CASE(
    "job-executor: an executor killed while it parks a job is followed by one that parks it") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess first(loop, servers.executor());
    const std::string id = co_await observer.submit("retry_not_before", with_payload("12000"));
    co_await wait_until_parked(observer, id);
    first.signal(SIGKILL);
    ExecutorProcess second(loop, servers.executor());
    const bool parked = co_await eventually(
        [&] { return second.output().find("an entry is parked") != std::string::npos; });
    CHECK(parked);
    const json job = co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(job["status-message"] == "attempt 3");
    const bool empty = co_await observer.wait_for_depth(0, 0);
    CHECK(empty);
  });
}

TEST_CASE("job-executor: a drain releases what is parked at once, and the next one still waits") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess first(loop, servers.executor());
    const std::string id = co_await observer.submit("retry_not_before", with_payload("5000"));
    co_await wait_until_parked(observer, id);
    first.signal(SIGTERM);
    const int code = co_await first.end();
    CHECK(code == 0);
    const bool released = co_await observer.wait_for_depth(1, 0);
    CHECK(released);
    ExecutorProcess second(loop, servers.executor());
    const json job = co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(job["status-message"] == "attempt 3");
  });
}

TEST_CASE("job-executor: a parked job takes no slot, and one cancelled is not run again") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor({"--slots", "1"}));
    const std::string id = co_await observer.submit("retry_not_before", with_payload("3000"));
    co_await wait_until_parked(observer, id);
    co_await observer.client->operation(id, "cancel");
    const std::string other = co_await observer.submit("test_ok");
    co_await observer.wait_until(other, "state", "SUCCESS");
    const json waiting = co_await observer.job(id);
    CHECK(waiting["state"] == "CANCELED");
    const bool empty = co_await observer.wait_for_depth(0, 0);
    CHECK(empty);
    const json job = co_await observer.job(id);
    CHECK(job["state"] == "CANCELED");
    CHECK_FALSE(job.contains("return-code"));
    const std::size_t records = co_await count_records(observer);
    CHECK(records == 0);
  });
}

TEST_CASE("job-executor: going back to QUEUED makes no second entry of a job") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor());
    const std::string id = co_await observer.submit("retry_not_before", with_payload("60000"));
    co_await wait_until_parked(observer, id);
    // Fed in order: when the later job has its entry, an earlier one would have it, too.
    const std::string later = co_await observer.submit("test_ok");
    co_await observer.wait_until(later, "state", "SUCCESS");
    const bool one = co_await observer.wait_for_depth(1, 1);
    CHECK(one);
    const json job = co_await observer.job(id);
    CHECK(job["tags"] == json::parse(R"(["/job/entries/entry-999-0000000000"])"));
  });
}

TEST_CASE(
    "job-executor: a checkpoint survives its executor, and the next attempt goes on from it") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess first(loop, servers.executor());
    const std::string id = co_await observer.submit("retry_resume");
    co_await observer.wait_until(id, "status-message", "saved");
    first.signal(SIGKILL);
    ExecutorProcess second(loop, servers.executor());
    const json job = co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(job["status-message"] == "attempt 2 goes on from page 7");
    const bool empty = co_await observer.wait_for_depth(0, 0);
    CHECK(empty);
    const std::size_t records = co_await count_records(observer);
    CHECK(records == 0);
  });
}

TEST_CASE("job-executor: a crash is retried where the policy says so") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor());
    const std::string id = co_await observer.submit("retry_crash_once");
    const json job = co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(job["return-code"] == 0);
    const bool empty = co_await observer.wait_for_depth(0, 0);
    CHECK(empty);
  });
}

TEST_CASE("job-executor: a cancel of a deaf action is enforced, and the log says how") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop,
                             servers.executor({"--stop-grace", "300ms", "--kill-grace", "200ms"}));
    const std::string id = co_await observer.submit("test_hang");
    co_await observer.wait_until(id, "status-message", "hanging");
    co_await observer.client->operation(id, "cancel");
    const bool empty = co_await observer.wait_for_depth(0, 0);
    CHECK(empty);
    const std::string output = executor.output();
    CHECK_THAT(output, Catch::Contains("asked to stop") && Catch::Contains("SIGTERM sent") &&
                           Catch::Contains("it had to be killed (SIGKILL)"));
    const json job = co_await observer.job(id);
    CHECK(job["state"] == "CANCELED");
  });
}
