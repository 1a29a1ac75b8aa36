// What is left by executors that die, and who goes on: real ZooKeeper, real job-api, kill -9.
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "executor/left_behind.hpp"
#include "tests/integration/executor/bench.hpp"
#include "tests/integration/executor/executor_process.hpp"
#include "tests/integration/executor/processes.hpp"
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

json with_payload(std::string payload) {
  json attributes;
  attributes["payload"] = std::move(payload);
  return attributes;
}

std::size_t lines_in(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::size_t count = 0;
  for (std::string line; std::getline(stream, line);) ++count;
  return count;
}

// Longer than any test waits: what is taken sooner was not waited for.
constexpr const char* long_session = "40s";

}  // namespace

TEST_CASE("job-executor: started again after a crash, it has its jobs back at once") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const TemporaryDirectory directory;
    const std::string state = (directory.path() / "state").string();
    const std::vector<std::string> options = {"--state-dir", state, "--zk-session-timeout",
                                              long_session};
    ExecutorProcess first(loop, servers.executor(options));
    const std::string id = co_await observer.submit("test_succeed_later");
    co_await observer.wait_until(id, "status-message", "first attempt");
    first.signal(SIGKILL);
    CHECK(co_await first.end() == 128 + SIGKILL);
    const auto killed = runtime::Clock::now();
    ExecutorProcess second(loop, servers.executor(options));
    const json job = co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(job["status-message"] == "attempt 2 resumed 1, the first one is gone");
    // The lock of the first one would have stayed for the session's 40 s; ZooKeeper's own limit in
    // tests is 20 ticks.
    CHECK(second.output().find("the locks of the executor that was here before are given up") !=
          std::string::npos);
    WARN(
        "taken over after " << std::chrono::duration<double>(runtime::Clock::now() - killed).count()
                            << " s");
    second.signal(SIGTERM);
    CHECK(co_await second.end() == 0);
    // It has closed its session itself: nothing is left to do for a third one.
    CHECK_FALSE(std::filesystem::exists(directory.path() / "state/session.json"));
  });
}

TEST_CASE("job-executor: daemons of the executor that crashed are dead before its locks go") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const TemporaryDirectory directory;
    const std::string state = (directory.path() / "state").string();
    const std::string pid_file = (directory.path() / "daemon").string();
    const std::vector<std::string> options = {"--state-dir", state};
    ExecutorProcess first(loop, servers.executor(options));
    const std::string id =
        co_await observer.submit("test_start_daemon", with_payload("\"" + pid_file + "\""));
    const bool started = co_await eventually([&] { return lines_in(pid_file) == 1; });
    REQUIRE(started);
    pid_t daemon = 0;
    std::ifstream(pid_file) >> daemon;
    const auto lives = [daemon] {
      for (const ProcessRow& row : all_processes()) {
        if (row.pid == daemon) return row.state != 'Z' && row.state != 'X';
      }
      return false;
    };
    first.signal(SIGKILL);
    CHECK(co_await first.end() == 128 + SIGKILL);
    ExecutorProcess second(loop, servers.executor(options));
    const bool gone = co_await eventually([&] { return !lives(); });
    CHECK(gone);
    co_await observer.client->operation(id, "cancel");
    const bool empty = co_await observer.wait_for_depth(0, 0);
    CHECK(empty);
  });
}

TEST_CASE("what carries the mark of an executor's run is ended, and nothing else") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto sleeper = [&](const std::string& mark) {
      runtime::SpawnRequest request;
      request.argv = {"sleep", "1000"};
      request.environment = {"PATH=/usr/bin:/bin",
                             std::string(executor::run_mark_variable) + "=" + mark};
      request.new_session = true;
      return runtime::ChildProcess::spawn(loop, request);
    };
    auto first = sleeper("takeover-test-1");
    auto second = sleeper("takeover-test-1");
    auto other = sleeper("takeover-test-12");
    const bool ended =
        co_await executor::end_left_behind("takeover-test-1", runtime::Clock::now() + 30s);
    CHECK(ended);
    co_await first.exited().wait();
    co_await second.exited().wait();
    CHECK(first.status().signal_number == SIGKILL);
    CHECK_FALSE(other.exited().raised());
    other.signal(SIGKILL);
    co_await other.exited().wait();
  });
}

TEST_CASE("job-executor: two executors do not share a state directory") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const TemporaryDirectory directory;
    const std::vector<std::string> options = {"--state-dir", directory.path().string()};
    ExecutorProcess first(loop, servers.executor(options));
    const std::string id = co_await observer.submit("test_ok");
    co_await observer.wait_until(id, "state", "SUCCESS");
    ExecutorProcess second(loop, servers.executor(options));
    CHECK(co_await second.end() == 1);
    CHECK(second.output().find("another job-executor uses " + directory.path().string()) !=
          std::string::npos);
  });
}

TEST_CASE("job-executor: an outcome that could not be recorded survives the executor") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const TemporaryDirectory directory;
    const std::string trace = (directory.path() / "runs").string();
    const std::string state = (directory.path() / "state").string();
    const std::vector<std::string> options = {"--state-dir", state};
    json payload = {{"file", trace}, {"go", (directory.path() / "go").string()}};
    ExecutorProcess first(loop, servers.executor(options));
    const std::string id = co_await observer.submit("test_run_once", with_payload(payload.dump()));
    const bool began = co_await eventually([&] { return lines_in(trace) == 1; });
    REQUIRE(began);
    servers.api.kill();
    std::ofstream(directory.path() / "go") << "go";
    const auto kept = [&] {
      std::error_code error;
      const std::filesystem::directory_iterator files(state + "/outcomes", error);
      return !error && files != std::filesystem::directory_iterator();
    };
    const bool journaled = co_await eventually(kept);
    REQUIRE(journaled);
    const bool whole = co_await eventually([&] {
      return first.output().find("an outcome is kept until the API takes it") != std::string::npos;
    });
    REQUIRE(whole);
    first.signal(SIGKILL);
    CHECK(co_await first.end() == 128 + SIGKILL);
    servers.api.restart();
    ExecutorProcess second(loop, servers.executor(options));
    const json job = co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(job["status-message"] == "ran once");
    CHECK(lines_in(trace) == 1);
    const bool empty = co_await observer.wait_for_depth(0, 0);
    CHECK(empty);
    const bool forgotten = co_await eventually([&] { return !kept(); });
    CHECK(forgotten);
  });
}

TEST_CASE("job-executor: an outcome that somebody else has overtaken is forgotten") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const TemporaryDirectory directory;
    const std::string trace = (directory.path() / "runs").string();
    const std::string state = (directory.path() / "state").string();
    const std::vector<std::string> options = {"--state-dir", state};
    json payload = {{"file", trace}, {"go", (directory.path() / "go").string()}};
    ExecutorProcess first(loop, servers.executor(options));
    const std::string id = co_await observer.submit("test_run_once", with_payload(payload.dump()));
    const bool began = co_await eventually([&] { return lines_in(trace) == 1; });
    REQUIRE(began);
    servers.api.kill();
    std::ofstream(directory.path() / "go") << "go";
    const bool whole = co_await eventually([&] {
      return first.output().find("an outcome is kept until the API takes it") != std::string::npos;
    });
    REQUIRE(whole);
    first.signal(SIGKILL);
    CHECK(co_await first.end() == 128 + SIGKILL);
    servers.api.restart();
    // One without that directory runs it again, and ends it.
    ExecutorProcess stranger(loop, servers.executor());
    co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(lines_in(trace) == 2);
    const bool empty = co_await observer.wait_for_depth(0, 0);
    REQUIRE(empty);
    ExecutorProcess second(loop, servers.executor(options));
    const bool forgotten = co_await eventually([&] {
      std::error_code error;
      return std::filesystem::is_empty(state + "/outcomes", error);
    });
    CHECK(forgotten);
    CHECK(lines_in(trace) == 2);
  });
}

TEST_CASE("job-executor: a job whose attempts keep dying is FAILED with their history") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const TemporaryDirectory directory;
    const std::vector<std::string> options = {
        "--state-dir", directory.path().string(), "--max-attempts", "3", "--name", "east-1"};
    const std::string id = co_await observer.submit("test_tell_and_hang");
    for (int attempt = 1; attempt <= 3; ++attempt) {
      ExecutorProcess executor(loop, servers.executor(options));
      co_await observer.wait_until(id, "status-message", "attempt " + std::to_string(attempt));
      executor.signal(SIGKILL);
      CHECK(co_await executor.end() == 128 + SIGKILL);
    }
    ExecutorProcess last(loop, servers.executor(options));
    const json job = co_await observer.wait_until(id, "state", "FAILED");
    const std::string message = job["status-message"].get<std::string>();
    INFO(message);
    CHECK(message.starts_with("Given up: 3 attempts died"));
    CHECK(message.find("Attempt 1: died, and left no note") != std::string::npos);
    CHECK(message.find("Attempt 2: executor ") != std::string::npos);
    CHECK(message.find("Attempt 3: executor ") != std::string::npos);
    const bool empty = co_await observer.wait_for_depth(0, 0);
    CHECK(empty);
    const auto records = co_await observer.session->children("/job/attempts");
    CHECK(records.names.empty());
  });
}

TEST_CASE("job-executor: attempts that end in an orderly way do not count against their job") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const std::vector<std::string> options = {"--max-attempts", "1", "--drain-timeout", "0s",
                                              "--stop-grace",   "0s"};
    const std::string id = co_await observer.submit("test_tell_and_hang");
    for (int attempt = 1; attempt <= 3; ++attempt) {
      ExecutorProcess executor(loop, servers.executor(options));
      co_await observer.wait_until(id, "status-message", "attempt " + std::to_string(attempt));
      executor.signal(SIGTERM);
      CHECK(co_await executor.end() == 0);
      const bool released = co_await observer.wait_for_depth(1, 0);
      CHECK(released);
    }
    const json job = co_await observer.job(id);
    CHECK(job["state"] == "RUNNING");
  });
}

TEST_CASE("job-executor: a job whose lock is removed by hand is stopped and not written any more") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor({"--slots", "1"}));
    const std::string id = co_await observer.submit("test_obey");
    co_await observer.wait_until(id, "status-message", "waiting for a stop");
    const auto held = co_await observer.queue.holders();
    REQUIRE(held.size() == 1);
    const std::string name = held.front().name.text();
    // As when the whole queue is wiped.
    co_await observer.session->remove("/job/entries/" + name, zookeeper::Operation::any_version);
    co_await observer.session->remove("/job/taken/" + name, zookeeper::Operation::any_version);
    const std::string next = co_await observer.submit("test_ok");
    co_await observer.wait_until(next, "state", "SUCCESS");
    const json job = co_await observer.job(id);
    CHECK(job["state"] == "RUNNING");
    CHECK_FALSE(job.contains("return-code"));
    CHECK(executor.output().find("was removed by somebody else") != std::string::npos);
  });
}

TEST_CASE("job-executor: a second entry of a job that is running is not run") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const TemporaryDirectory directory;
    const std::string trace = (directory.path() / "runs").string();
    json payload = {{"file", trace}, {"go", (directory.path() / "go").string()}};
    ExecutorProcess first(loop, servers.executor({"--slots", "2"}));
    ExecutorProcess second(loop, servers.executor({"--slots", "2"}));
    const std::string id = co_await observer.submit("test_run_once", with_payload(payload.dump()));
    const bool began = co_await eventually([&] { return lines_in(trace) == 1; });
    REQUIRE(began);
    for (int i = 0; i < 5; ++i) co_await observer.queue.put(id, 10);
    // The duplicates go, the entry of the run stays.
    const bool consumed = co_await observer.wait_for_depth(1, 1);
    CHECK(consumed);
    CHECK(lines_in(trace) == 1);
    std::ofstream(directory.path() / "go") << "go";
    co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK(lines_in(trace) == 1);
    const bool empty = co_await observer.wait_for_depth(0, 0);
    CHECK(empty);
  });
}
