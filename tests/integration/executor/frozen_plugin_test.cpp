// A plugin built with the SDK of plugin ABI 1.0 (tests/abi) runs in this engine as it is.
#include <catch2/catch.hpp>

#include "tests/integration/executor/run_on_bench.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using nlohmann::json;

TEST_CASE("a plugin of ABI 1.0 says all it could, and is understood") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job(
        "frozen_talks", R"({"payload": "{\"n\":1}", "target-resource": {"href": "x/1"}})");
    co_await bench.run(id, 2);
    const json& job = bench.api.job(id);
    CHECK(job["state"] == "SUCCESS");
    CHECK(job["progress"] == 60);
    CHECK(job["status-message"] ==
          "frozen_talks of x/1, attempt 2, payload {\"n\":1}, RUNNING, going on");
    CHECK(job["affected-resources"] == json::parse(R"([{"href": "deployment/7"}])"));
  });
}

TEST_CASE("a plugin of ABI 1.0 ends in each way it knew") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string failed = bench.api.add_job("frozen_fails");
    co_await bench.run(failed);
    CHECK(bench.api.job(failed)["state"] == "FAILED");
    CHECK(bench.api.job(failed)["status-message"] == "failed");

    const std::string thrown = bench.api.add_job("frozen_fails", R"({"payload": "\"throw\""})");
    co_await bench.run(thrown);
    CHECK(bench.api.job(thrown)["status-message"] == "std::runtime_error: thrown");

    const std::string left = bench.api.add_job("frozen_leaves");
    const Outcome outcome = co_await bench.run(left);
    CHECK(outcome.result == RunResult::LeftRunning);
    CHECK(bench.api.job(left)["state"] == "RUNNING");
  });
}

TEST_CASE("a plugin in C of ABI 1.0 finds all its host had") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job(
        "frozen_c_says_all", R"({"payload": "[1]", "target-resource": {"href": "x/1"}})");
    co_await bench.run(id, 3);
    const json& job = bench.api.job(id);
    CHECK(job["state"] == "SUCCESS");
    CHECK(job["progress"] == 70);
    CHECK(job["affected-resources"] == json::parse(R"([{"href": "deployment/8"}])"));
    CHECK(job["status-message"] ==
          "its state: host 1.1 of at least 1, " + id +
              " frozen_c_says_all x/1 [1], document 1, attempt 3 0, stop 0 0 0, "
              "answers 1 200 1 and 1 404, extension 0");
  });
}

TEST_CASE("a plugin in C of ABI 1.0 ends in each way it knew") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string returned = bench.api.add_job("frozen_c_ends", R"({"payload": "0"})");
    co_await bench.run(returned);
    CHECK(bench.api.job(returned)["state"] == "FAILED");
    CHECK(bench.api.job(returned)["return-code"] == 5);

    const std::string failed = bench.api.add_job("frozen_c_ends", R"({"payload": "1"})");
    co_await bench.run(failed);
    CHECK(bench.api.job(failed)["state"] == "FAILED");
    CHECK(bench.api.job(failed)["status-message"] == "ended so");

    const std::string left = bench.api.add_job("frozen_c_ends", R"({"payload": "2"})");
    const Outcome outcome = co_await bench.run(left);
    CHECK(outcome.result == RunResult::LeftRunning);
    CHECK(bench.api.job(left)["state"] == "RUNNING");
  });
}

TEST_CASE("a plugin in C of ABI 1.0 is told of a stop in all three ways") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("frozen_c_waits");
    bench.limits.action.timeout = std::chrono::seconds(2);      // it has begun by then
    bench.limits.action.stop_grace = std::chrono::seconds(60);  // returning is up to the plugin
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "FAILED");
    CHECK(bench.api.job(id)["affected-resources"] == json::parse(R"([{"href": "stop/seen"}])"));
  });
}
