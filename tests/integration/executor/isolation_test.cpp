// What evil actions can do to the executor and to other jobs: nothing. And what is recorded of
// them: the truth. With real ZooKeeper, job-api and job-executor.
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "ctl/development/free_port.hpp"
#include "tests/integration/executor/bench.hpp"
#include "tests/integration/executor/evil_cases.hpp"
#include "tests/integration/executor/executor_process.hpp"
#include "tests/integration/executor/processes.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

bool is_root() {
  return ::geteuid() == 0;
}

// A user nobody else is at this moment, so that its processes are those of this test.
uid_t action_user() {
  return 1'000'000U + static_cast<uid_t>(::getpid());
}

// Sanitizers would turn signals into exits of their own.
void leave_signals_to_the_system() {
  const char* given = std::getenv("TSAN_OPTIONS");
  const std::string plain = "handle_segv=0:handle_abort=0:handle_sigbus=0:handle_sigill=0";
  ::setenv("ASAN_OPTIONS", plain.c_str(), 1);
  ::setenv("TSAN_OPTIONS", (plain + ":" + (given == nullptr ? "" : given)).c_str(), 1);
}

// An executor that runs evil actions, with all the protection there is.
class Fortress {
 public:
  Fortress(asio::io_context& loop, const Servers& servers)
      : port_(development::free_port()), process_(loop, arguments(servers)) {}

  ExecutorProcess& process() { return process_; }
  bool ready() const {
    asio::ip::tcp::iostream stream("127.0.0.1", std::to_string(port_));
    stream << "GET /readyz HTTP/1.0\r\n\r\n" << std::flush;
    const std::string page(std::istreambuf_iterator<char>(stream), {});
    return page.find("200 OK") != std::string::npos;
  }
  // Everything that is a child of the executor is an action host, no host has a child, and the
  // action user has no other process. What is wrong; empty: nothing.
  std::string strays() const;

 private:
  std::vector<std::string> arguments(const Servers& servers) const;

  std::uint16_t port_;
  ExecutorProcess process_;
};

std::vector<std::string> Fortress::arguments(const Servers& servers) const {
  auto result = servers.executor({"--slots", "2", "--action-timeout", "12s", "--log-level", "INFO",
                                  "--actions-dir", build_directory() + "/tests/plugins/evil",
                                  "--telemetry-port", std::to_string(port_)});
  if (!is_sanitized()) result.insert(result.end(), {"--host-memory", "256M"});
  if (!is_root()) return result;
  const std::string user = std::to_string(action_user());
  result.insert(result.end(), {"--action-user", user + ":" + user, "--host-processes", "100"});
  return result;
}

std::string Fortress::strays() const {
  std::string found;
  const std::vector<ProcessRow> rows = all_processes();
  for (const ProcessRow& row : rows) {
    const bool of_executor = row.parent == process_.pid();
    const bool of_host = std::any_of(rows.begin(), rows.end(), [&](const ProcessRow& other) {
      return other.pid == row.parent && other.parent == process_.pid();
    });
    const bool of_user = is_root() && row.user == action_user();
    const bool is_host = of_executor && row.name == "job-action-host" && row.state != 'Z';
    // ThreadSanitizer starts it for a report, also for one that a suppression then keeps quiet.
    const bool of_sanitizer = row.name == "llvm-symbolizer";
    if (is_host || of_sanitizer || !(of_executor || of_host || of_user)) continue;
    found += row.name + " " + std::to_string(row.pid) + " child of " + std::to_string(row.parent) +
             " " + row.state + "; ";
  }
  return found;
}

awaitable<json> wait_for_end(Observer& observer, std::string id) {
  const auto deadline = runtime::Clock::now() + 60s;
  runtime::Event never;
  for (;;) {
    json job = co_await observer.job(id);
    const std::string state = job.value("state", "");
    const bool final = state == "SUCCESS" || state == "FAILED" || state == "CANCELED";
    if (final || runtime::Clock::now() > deadline) co_return job;
    co_await never.wait_for(10ms);
  }
}

json with_payload(const std::string& payload) {
  json attributes = json::object();
  if (!payload.empty()) attributes["payload"] = payload;
  return attributes;
}

// One evil job, beside a good one in the other slot.
awaitable<void> run_evil(Observer& observer, Fortress& fortress, EvilCase evil) {
  json nap = with_payload("500");
  const std::string companion = co_await observer.submit("test_nap", std::move(nap));
  co_await observer.wait_until(companion, "status-message", "napping");
  json attributes = with_payload(evil.payload);
  const std::string id = co_await observer.submit(evil.action, std::move(attributes));
  if (evil.state == "CANCELED") {
    co_await observer.wait_until(id, "status-message", "looping");
    co_await observer.client->operation(id, "cancel");
  }
  const json job = co_await wait_for_end(observer, id);
  CHECK(job.value("state", "") == evil.state);
  const std::string message = job.value("status-message", "");
  for (const std::string& part : evil.parts) CHECK_THAT(message, Catch::Contains(part));
  if (evil.action == "evil_leave_daemon") {
    // Gone before the result is told, not some time later.
    CHECK(::kill(static_cast<pid_t>(std::strtol(message.c_str(), nullptr, 10)), 0) < 0);
  }

  const json undisturbed = co_await wait_for_end(observer, companion);
  CHECK(undisturbed.value("state", "") == "SUCCESS");
  const std::string next = co_await observer.submit("test_ok");
  const json good = co_await wait_for_end(observer, next);
  CHECK(good.value("state", "") == "SUCCESS");
  const bool idle = co_await observer.wait_for_depth(0, 0);
  REQUIRE(idle);
  const bool clean = co_await eventually([&] { return fortress.strays().empty(); });
  if (!clean) FAIL_CHECK("left over: " << fortress.strays());
  if (!evil.logged.empty()) {
    CHECK_THAT(fortress.process().output(), Catch::Contains(evil.logged));
  }
}

bool can_run(const EvilCase& evil) {
  if (evil.needs == EvilCase::Needs::ActionUser && !is_root()) {
    std::printf("skipped: %s needs --action-user, and so root\n", evil.action.c_str());
    return false;
  }
  if (evil.needs == EvilCase::Needs::PlainBuild && is_sanitized()) {
    std::printf("skipped: %s needs a build without sanitizer\n", evil.action.c_str());
    return false;
  }
  return true;
}

// A test in a system of its own.
void in_system(const std::function<awaitable<void>(asio::io_context&, Servers&, Observer&)>& body) {
  leave_signals_to_the_system();
  Servers servers;
  run_on_loop(
      [&](asio::io_context& loop) -> awaitable<void> {
        Observer observer(loop, servers);
        co_await body(loop, servers, observer);
        co_await observer.close();
      },
      420s);
}

}  // namespace

TEST_CASE("isolation: whatever an action does, the executor and the other jobs do not notice") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    Fortress fortress(loop, servers);
    const std::string first = co_await observer.submit("test_ok");
    co_await observer.wait_until(first, "state", "SUCCESS");
    for (EvilCase evil : evil_cases()) {
      if (!can_run(evil)) continue;
      INFO(evil.action);
      const auto started = runtime::Clock::now();
      const long memory = memory_of(fortress.process().pid(), "VmHWM");
      const std::string action = evil.action;
      co_await run_evil(observer, fortress, std::move(evil));
      const long grown = memory_of(fortress.process().pid(), "VmHWM") - memory;
      const std::chrono::duration<double> time = runtime::Clock::now() - started;
      std::printf("%-34s %.2f s, executor's memory +%ld kB\n", action.c_str(), time.count(), grown);
      // A huge line is kept until it is known to be too long: 32 MiB, and its copy while it grows.
      if (!is_sanitized()) CHECK(grown < 100'000);
      REQUIRE(fortress.process().running());
      CHECK(fortress.ready());
    }
    fortress.process().signal(SIGTERM);
    const int code = co_await fortress.process().end();
    CHECK(code == 0);
  });
}

TEST_CASE("isolation: a run finds no secret, nothing inherited, and the place as it should be") {
  in_system([](asio::io_context& loop, Servers& servers, Observer& observer) -> awaitable<void> {
    ::setenv("JOB_API_PASS", api_password, 1);
    ::setenv("JOB_MY_SECRET", api_password, 1);
    Fortress fortress(loop, servers);
    ::unsetenv("JOB_API_PASS");
    ::unsetenv("JOB_MY_SECRET");
    json secret = with_payload(json(api_password).dump());
    const std::string looks = co_await observer.submit("evil_look_for_secrets", std::move(secret));
    const json found = co_await wait_for_end(observer, looks);
    // Here the executor has the password on its command line, which everybody can see.
    std::string text = found.value("status-message", "");
    const std::string seen = "found in parent's cmdline; ";
    if (const auto at = text.find(seen); at != std::string::npos) text.erase(at, seen.size());
    CHECK_THAT(text, !Catch::Contains("found in"));
    CHECK_THAT(text, Catch::Contains("0 /dev/null 1 pipe: 2 pipe: 3 socket: "));
    CHECK(text.find("socket:") == text.rfind("socket:"));
    CHECK(text.find(".log") == std::string::npos);

    const std::string before = co_await observer.submit("evil_tell_surroundings");
    const json clean = co_await wait_for_end(observer, before);
    const std::string removes = co_await observer.submit("evil_remove_its_folder");
    co_await wait_for_end(observer, removes);
    const std::string after = co_await observer.submit("evil_tell_surroundings");
    const json as_clean = co_await wait_for_end(observer, after);
    CHECK(clean.value("status-message", "1") == as_clean.value("status-message", "2"));
    CHECK_THAT(clean.value("status-message", ""), Catch::Contains("NoNewPrivs 1 in /"));
    if (is_root()) {
      const std::string user = std::to_string(action_user());
      CHECK_THAT(clean.value("status-message", ""),
                 Catch::StartsWith("user " + user + "/" + user + " group " + user + " groups 1 "));
    }
  });
}

TEST_CASE("job-executor: limits and users that make no sense are refused with a message") {
  struct Refused {
    std::vector<std::string> arguments;
    std::string message;
  };
  const std::vector<Refused> cases = {
      {{"--host-memory", "much"},
       "--host-memory (command line): \"much\" is none; expected a size"},
      {{"--host-memory", "1M"}, "\"1M\" is too little; expected a size like 512M or 2G, at least"},
      {{"--host-memory", "99999999999G"}, "is none; expected a size like 512M"},
      {{"--host-file-size", "-1"}, "--host-file-size (command line): \"-1\" is none"},
      {{"--host-open-files", "3"}, "--host-open-files"},
      {{"--host-processes", "few"}, "--host-processes (command line): \"few\" is none"},
      {{"--action-user", "nobody-of-that-name"}, "names no user of this system"},
      {{"--action-user", "root"}, "is root, which nothing can be kept from"},
      {{"--action-user", "987654321"}, "its group must be given"},
      {{"--action-user", "987654321:no-such-group"}, "names no group of this system"},
  };
  run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
    for (const Refused& refused : cases) {
      std::vector<std::string> arguments = refused.arguments;
      CAPTURE(arguments);
      ExecutorProcess process(loop, std::move(arguments));
      const int code = co_await process.end();
      CHECK(code == 2);
      CHECK_THAT(process.output(), Catch::Contains(refused.message));
    }
    std::vector<std::string> unkept = {"--host-processes", "100"};
    if (is_root()) {
      ExecutorProcess process(loop, std::move(unkept));
      const int code = co_await process.end();
      CHECK(code == 2);
      CHECK_THAT(process.output(), Catch::Contains("the system sets no such limit to root"));
    }
  });
}
