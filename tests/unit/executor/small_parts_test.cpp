#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <ctime>

#include "common/runtime/failure.hpp"
#include "executor/action_host/lease_guard.hpp"
#include "executor/entry_backoff.hpp"
#include "executor/hosts/host_environment.hpp"
#include "executor/plugins/catalog.hpp"
#include "executor/pull_mode.hpp"
#include "executor/slot_gate.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace std::chrono_literals;
using std::chrono::seconds;

TEST_CASE("an entry that cannot be run is left alone for longer and longer") {
  EntryBackoff backoff(seconds(1), seconds(5));
  const queue::EntryName entry{50, 1};
  const queue::EntryName other{50, 2};
  CHECK(backoff.next(entry, 1.0) == seconds(1));
  CHECK(backoff.next(entry, 1.0) == seconds(2));
  CHECK(backoff.next(entry, 1.0) == seconds(4));
  CHECK(backoff.next(entry, 1.0) == seconds(5));
  CHECK(backoff.next(other, 1.0) == seconds(1));
  backoff.forget(entry);
  CHECK(backoff.next(entry, 1.0) == seconds(1));
}

TEST_CASE("entries that came back together are not tried again together") {
  EntryBackoff backoff(seconds(8), seconds(300));
  CHECK(backoff.next(queue::EntryName{50, 1}, 0.0) == seconds(4));
  CHECK(backoff.next(queue::EntryName{50, 2}, 0.5) == seconds(6));
  CHECK(backoff.next(queue::EntryName{50, 3}, 1.0) == seconds(8));
}

TEST_CASE("an entry that is not to blame is left alone for no longer than it is said") {
  EntryBackoff backoff(seconds(1), seconds(300));
  const queue::EntryName entry{50, 1};
  for (int i = 0; i < 10; ++i) (void)backoff.next(entry, 1.0, seconds(30));
  CHECK(backoff.next(entry, 1.0, seconds(30)) == seconds(30));
  CHECK(backoff.next(entry, 1.0) == seconds(300));
}

TEST_CASE("what is remembered of entries is bounded") {
  EntryBackoff backoff(seconds(1), seconds(5), 3);
  for (int i = 0; i < 100; ++i) {
    const queue::EntryName entry{50, i};
    (void)backoff.next(entry, 1.0);
  }
  CHECK(backoff.size() <= 3);
}

TEST_CASE("actions do not see the executor's secrets") {
  const std::array<const char*, 8> environment = {
      "PATH=/bin",       "JOB_API_PASS=x",  "JOB_COOKIES=x",  "JOB_API_URL=x",
      "JOB_DB_SECRET=x", "JOB_LOG_LEVEL=x", "NUVLAEDGE_FS=x", nullptr};
  const auto result = host_environment(environment.data(), {{"NUVLAEDGE_FS", "/edge"}});
  CHECK(result == std::vector<std::string>{"PATH=/bin", "JOB_LOG_LEVEL=x", "NUVLAEDGE_FS=/edge"});
}

TEST_CASE("the exit code of pull mode tells what became of the job") {
  CHECK(exit_code(RunResult::Success) == 0);
  CHECK(exit_code(RunResult::AlreadyFinal) == 0);
  CHECK(exit_code(RunResult::Failed) == 3);
  CHECK(exit_code(RunResult::NotRun) == 4);
  CHECK(exit_code(RunResult::NoJob) == 4);
}

TEST_CASE("a manifest is refused with what is wrong in it") {
  CHECK_THROWS_WITH(parse_manifest("{"), Catch::Contains("not JSON"));
  CHECK_THROWS_WITH(parse_manifest("[]"), Catch::Contains("JSON object"));
  CHECK_THROWS_WITH(parse_manifest("{}"), Catch::Contains("\"name\""));
  CHECK_THROWS_WITH(parse_manifest(R"({"name": "a b"})"), Catch::Contains("a b"));
  CHECK_THROWS_WITH(parse_manifest(R"({"name": "a", "pull-mode": 1})"),
                    Catch::Contains("true or false"));
  const Manifest manifest = parse_manifest(R"({"name": "a-1_b", "pull-mode": true, "new": 1})");
  CHECK(manifest.name == "a-1_b");
  CHECK(manifest.pull_mode);
}

TEST_CASE("an action's own plugin comes before a pattern, a longer pattern before a shorter one") {
  Catalog catalog;
  for (const char* name : {"bulk_*", "bulk_stop_*", "bulk_stop_robot"}) {
    Manifest manifest;
    manifest.name = name;
    catalog.add(manifest, name);
  }
  REQUIRE(catalog.find("bulk_start_robot") != nullptr);
  CHECK(catalog.find("bulk_start_robot")->plugin_file == "bulk_*");
  CHECK(catalog.find("bulk_stop_car")->plugin_file == "bulk_stop_*");
  CHECK(catalog.find("bulk_stop_robot")->plugin_file == "bulk_stop_robot");
  CHECK(catalog.find("bulky") == nullptr);
  CHECK_THROWS(parse_manifest(R"({"name": "*"})"));
  CHECK_THROWS(parse_manifest(R"({"name": "a*b"})"));
}

TEST_CASE("the first plugin keeps an action two plugins have") {
  Catalog catalog;
  Manifest manifest;
  manifest.name = "sleep";
  CHECK_FALSE(catalog.add(manifest, "first.so"));
  CHECK(catalog.add(manifest, "second.so") == "first.so");
  REQUIRE(catalog.find("sleep") != nullptr);
  CHECK(catalog.find("sleep")->plugin_file == "first.so");
  catalog.keep_pull_mode_only();
  CHECK(catalog.find("sleep") == nullptr);
}

TEST_CASE("a process that is stopped when its lease passes is killed and never goes on") {
  const pid_t child = ::fork();
  if (child == 0) {
    LeaseGuard guard;
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    constexpr LeaseStamp second = 1'000'000'000;
    guard.set(now.tv_sec * second + now.tv_nsec + second / 5);
    ::raise(SIGSTOP);
    ::_exit(7);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, WUNTRACED) == child);
  REQUIRE(WIFSTOPPED(status));
  // Nobody continues it.
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGKILL);
}

TEST_CASE("refill: taken ahead only while the recent jobs were short") {
  RefillPace pace(8);
  CHECK(pace.ahead() == 0);
  for (int i = 0; i < 10; ++i) pace.slot_left(5ms);
  CHECK(pace.ahead() == 0);  // few tell nothing
  for (int i = 0; i < 40; ++i) pace.slot_left(5ms);
  CHECK(pace.ahead() == 5);
  pace.slot_left(1h);  // one that lasts, and it is over
  CHECK(pace.ahead() == 0);
  for (int i = 0; i < 40; ++i) pace.slot_left(5ms);
  CHECK(pace.ahead() == 5);
  pace.kept_waiting();
  CHECK(pace.ahead() == 0);
  for (int i = 0; i < 200; ++i) pace.slot_left(60ms);
  CHECK(pace.ahead() == 0);
}

TEST_CASE("refill: short jobs of a while ago tell nothing") {
  RefillPace pace(1);
  for (int i = 0; i < 50; ++i) pace.slot_left(5ms);
  pace.look();
  CHECK(pace.ahead() == 1);
  pace.look();
  CHECK(pace.ahead() == 0);
}
