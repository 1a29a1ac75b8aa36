// Logs of jobs, from the action of a real job-executor to those who read them from job-api.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

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

awaitable<json> read_log(Observer& observer, std::string id) {
  cimi::Request request;
  request.method = "GET";
  request.path = id + "/logs?last=10000";
  cimi::Reply reply = co_await observer.client->request(std::move(request));
  co_return reply.ok() ? reply.document["lines"] : json(reply.message);
}

bool has_line(const json& lines, const std::string& stream, const std::string& text) {
  return std::any_of(lines.begin(), lines.end(), [&](const json& line) {
    return line["stream"] == stream && line["text"].get<std::string>().find(text) == 0;
  });
}

// The log, once it has that line.
awaitable<json> log_with(Observer& observer, std::string id, std::string stream, std::string text) {
  const auto deadline = runtime::Clock::now() + 60s;
  runtime::Event never;
  for (;;) {
    json lines = co_await read_log(observer, id);
    if (lines.is_array() && has_line(lines, stream, text)) co_return lines;
    if (runtime::Clock::now() > deadline) throw std::runtime_error("no such line: " + lines.dump());
    co_await never.wait_for(20ms);
  }
}

}  // namespace

TEST_CASE("job-executor: the log of a job is there while it runs, and complete after its end") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor({"--name", "the-one"}));
    const std::string id = co_await observer.submit("print_and_obey");
    const json early = co_await log_with(observer, id, "stdout", "waiting for a stop");
    CHECK(has_line(early, "engine", "started on executor the-one, attempt 1"));
    const json running = co_await observer.job(id);
    CHECK(running["state"] == "RUNNING");
    co_await observer.client->operation(id, "cancel");
    const json lines = co_await log_with(observer, id, "engine", "the action returned 1");
    CHECK(has_line(lines, "engine", "asked to stop: "));
    CHECK(has_line(lines, "stdout", "stopping"));
    for (std::size_t i = 0; i < lines.size(); ++i) CHECK(lines[i]["n"] == i);
  });
}

TEST_CASE("job-executor: an ended job has its last lines in output, a silent one no log at all") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor());
    const std::string id =
        co_await observer.submit("print_lines", json::parse(R"({"payload": "30000"})"));
    const std::string silent =
        co_await observer.submit("test_return", json::parse(R"({"payload": "0"})"));
    const json job = co_await observer.wait_until(id, "state", "SUCCESS");
    CHECK_THAT(job["output"].get<std::string>(), Catch::EndsWith("0000000029999"));
    const json lines = co_await log_with(observer, id, "engine", "the action returned 0");
    CHECK(lines.size() > 5000);
    CHECK(lines.size() < 20000);
    CHECK(lines[lines.size() - 2]["text"].get<std::string>().ends_with("0000000029999"));
    const json quiet = co_await observer.wait_until(silent, "state", "SUCCESS");
    CHECK_FALSE(quiet.contains("output"));
    const json nothing = co_await read_log(observer, silent);
    CHECK(nothing == json::array());
  });
}

TEST_CASE("job-executor: a drain ends after the last lines of the jobs it has stopped are sent") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ExecutorProcess executor(loop, servers.executor({"--drain-timeout", "500ms"}));
    const std::string id = co_await observer.submit("print_and_obey");
    co_await log_with(observer, id, "stdout", "waiting for a stop");
    executor.signal(SIGTERM);
    CHECK(co_await executor.end() == 0);
    const json lines = co_await read_log(observer, id);
    CHECK(has_line(lines, "engine", "asked to stop: this executor ends"));
    CHECK(has_line(lines, "stdout", "stopping"));
    CHECK(has_line(lines, "engine", "the action returned 1"));
  });
}

TEST_CASE("job-executor --job-id: the log is sent too, behind the lines of an earlier pull") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    const std::string id =
        co_await observer.submit("print_and_obey", json::parse(R"({"execution-mode": "pull"})"));
    json lines = json::array();
    for (const std::string marker : {"first", "second"}) {
      const std::size_t earlier = lines.size();
      auto arguments = servers.pull(id);
      arguments.insert(arguments.end(), {"--name", marker, "--drain-timeout", "100ms"});
      ExecutorProcess pull(loop, std::move(arguments));
      std::string started = "started on executor " + marker;
      co_await log_with(observer, id, "engine", std::move(started));
      pull.signal(SIGTERM);
      co_await pull.end();
      lines = co_await read_log(observer, id);
      REQUIRE(lines.size() > earlier);
      CHECK(lines[earlier]["text"] == "started on executor " + marker + ", attempt 1");
      CHECK(lines.back()["text"] == "the action returned 1");
    }
    for (std::size_t i = 0; i < lines.size(); ++i) CHECK(lines[i]["n"] == i);
  });
}
