#include <array>
#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"
#include "executor/entry_backoff.hpp"
#include "executor/hosts/host_environment.hpp"
#include "executor/plugins/catalog.hpp"
#include "executor/pull_mode.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using std::chrono::seconds;

TEST_CASE("an entry that cannot be run is left alone for longer and longer") {
  EntryBackoff backoff(seconds(1), seconds(5));
  const queue::EntryName entry{50, 1};
  const queue::EntryName other{50, 2};
  CHECK(backoff.next(entry) == seconds(1));
  CHECK(backoff.next(entry) == seconds(2));
  CHECK(backoff.next(entry) == seconds(4));
  CHECK(backoff.next(entry) == seconds(5));
  CHECK(backoff.next(other) == seconds(1));
  backoff.forget(entry);
  CHECK(backoff.next(entry) == seconds(1));
}

TEST_CASE("an entry that is not to blame is left alone for no longer than it is said") {
  EntryBackoff backoff(seconds(1), seconds(300));
  const queue::EntryName entry{50, 1};
  for (int i = 0; i < 10; ++i) (void)backoff.next(entry, seconds(30));
  CHECK(backoff.next(entry, seconds(30)) == seconds(30));
  CHECK(backoff.next(entry) == seconds(300));
}

TEST_CASE("what is remembered of entries is bounded") {
  EntryBackoff backoff(seconds(1), seconds(5), 3);
  for (int i = 0; i < 100; ++i) {
    const queue::EntryName entry{50, i};
    (void)backoff.next(entry);
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
