// What actions print, as their real host hands it to the executor.
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/runtime/child_process.hpp"
#include "common/runtime/task_group.hpp"
#include "executor/hosts/host_process.hpp"
#include "tests/integration/executor/bench.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/sanitized_build.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;

namespace {

// Keeps what it hears, up to a bound.
class Hearer final : public HostListener {
 public:
  void on_progress(int /*percent*/) override {}
  void on_status(std::string /*text*/) override {}
  void on_affected_resource(std::string /*href*/) override {}
  void on_log(int level, std::string line) override {
    logged.push_back(std::to_string(level) + " " + line);
  }
  void on_output(OutputStream stream, std::string_view line) override {
    ++lines;
    bytes += line.size();
    std::vector<std::string>& kept = stream == OutputStream::Stdout ? standard : errors;
    constexpr std::size_t most = 5000;
    if (kept.size() < most) kept.emplace_back(line);
    last = line;
  }
  void on_api_request(ApiRequestMessage /*request*/) override {}
  void on_checkpoint(CheckpointMessage /*checkpoint*/) override {}

  std::vector<std::string> standard, errors, logged;
  std::string last;
  std::size_t lines = 0;
  std::size_t bytes = 0;
};

// The longest time a timer of the loop came late.
class LoopDelay {
 public:
  awaitable<void> watch() {
    constexpr auto pace = std::chrono::milliseconds(1);
    while (!over_.raised()) {
      const auto due = runtime::Clock::now() + pace;
      co_await over_.wait_until(due);
      longest = std::max(longest, runtime::Clock::now() - due);
    }
  }
  void end() { over_.raise(); }
  runtime::Duration longest = runtime::Duration::zero();

 private:
  runtime::Event over_;
};

long resident_kb() {
  std::ifstream file("/proc/self/statm");
  long total = 0;
  long resident = 0;
  file >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE) / 1024;
}

// A test with one host of the printing plugin.
void on_host(
    const std::function<awaitable<void>(asio::io_context&, std::shared_ptr<HostProcess>)>& body) {
  run_on_loop(
      [&body](asio::io_context& loop) -> awaitable<void> {
        HostCommand command = host_command();
        std::string plugin = good_plugins() + "/printing_actions.so";
        std::shared_ptr<HostProcess> host =
            co_await HostProcess::start(loop, std::move(command), std::move(plugin));
        co_await body(loop, host);
        co_await host->close();
      },
      std::chrono::seconds(200));
}

RunMessage run_of(const char* action, const char* payload = "null") {
  RunMessage message;
  message.action = action;
  message.document = R"({"id": "job/1", "payload": ")" + std::string(payload) + "\"}";
  return message;
}

}  // namespace

TEST_CASE("what an action prints is heard by stream, and all of it before the run ends") {
  on_host([](asio::io_context&, std::shared_ptr<HostProcess> host) -> awaitable<void> {
    Hearer hearer;
    RunMessage message = run_of("print");
    const HostRunEnd end = co_await host->run(std::move(message), hearer);
    CHECK(end.result.has_value());
    CHECK(hearer.standard == std::vector<std::string>{"one on stdout", "without a newline"});
    CHECK(hearer.errors == std::vector<std::string>{"one on stderr"});
    CHECK(hearer.logged == std::vector<std::string>{"2 one by log"});
    CHECK_THAT(end.output, Catch::Contains("without a newline"));
  });
}

TEST_CASE("what is still in buffers of the host when an action returns belongs to its run") {
  on_host([](asio::io_context&, std::shared_ptr<HostProcess> host) -> awaitable<void> {
    for (int run = 0; run < 20; ++run) {
      Hearer hearer;
      RunMessage message = run_of("print_buffered");
      co_await host->run(std::move(message), hearer);
      REQUIRE(hearer.lines == 2000);
      REQUIRE(hearer.last == "line 1999");
    }
  });
}

TEST_CASE("a line that is too long is heard in parts") {
  on_host([](asio::io_context&, std::shared_ptr<HostProcess> host) -> awaitable<void> {
    Hearer hearer;
    RunMessage message = run_of("print_long_line", "200000");
    co_await host->run(std::move(message), hearer);
    CHECK(hearer.lines == 4);
    CHECK(hearer.bytes == 200000);
  });
}

TEST_CASE("a stray that prints on neither delays the end of a run nor is heard by the next") {
  on_host([](asio::io_context&, std::shared_ptr<HostProcess> host) -> awaitable<void> {
    Hearer first;
    RunMessage message = run_of("print_leave_printer");
    const auto started = runtime::Clock::now();
    const HostRunEnd end = co_await host->run(std::move(message), first);
    CHECK(end.result.has_value());
    CHECK(runtime::Clock::now() - started < std::chrono::seconds(10));
    REQUIRE_FALSE(first.standard.empty());
    CHECK(first.standard.front() == "before its end");
  });
}

TEST_CASE("a host whose output is closed is not used again") {
  on_host([](asio::io_context&, std::shared_ptr<HostProcess> host) -> awaitable<void> {
    Hearer hearer;
    RunMessage message = run_of("print_close_output");
    const HostRunEnd end = co_await host->run(std::move(message), hearer);
    CHECK(end.result.has_value());
    CHECK(hearer.last == "its last words");
    auto unusable = [&] { return !host->reusable(); };
    CHECK(co_await eventually(unusable));
  });
}

TEST_CASE("1 GB of output grows no memory and keeps nobody else from the loop") {
  on_host([](asio::io_context& loop, std::shared_ptr<HostProcess> host) -> awaitable<void> {
    runtime::TaskGroup tasks(loop.get_executor());
    LoopDelay delay;
    tasks.spawn(delay.watch());
    Hearer hearer;
    RunMessage message = run_of("print_flood", "1000");
    const long before = resident_kb();
    const auto started = runtime::Clock::now();
    const HostRunEnd end = co_await host->run(std::move(message), hearer);
    const auto took = runtime::Clock::now() - started;
    delay.end();
    co_await tasks.join();
    CHECK(end.result.has_value());
    CHECK(hearer.last == "the end of the flood");
    CHECK(hearer.bytes > 950'000'000);
    const long grown = resident_kb() - before;
    using std::chrono::milliseconds;
    WARN("1 GB in " << std::chrono::duration_cast<milliseconds>(took).count() << " ms, "
                    << hearer.lines << " lines; a timer was late by at most "
                    << std::chrono::duration_cast<milliseconds>(delay.longest).count() << " ms; "
                    << grown << " KB more are resident");
    if (!sanitized_build) CHECK(grown < 20'000);
    CHECK(delay.longest < std::chrono::seconds(2));
  });
}
