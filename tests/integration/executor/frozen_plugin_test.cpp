// A plugin built with the SDK of plugin ABI 1.0 (tests/abi) runs in this engine as it is.
#include <catch2/catch.hpp>

#include "tests/integration/executor/bench.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using nlohmann::json;

namespace {

void on_bench(const std::function<awaitable<void>(Bench&)>& body) {
  run_on_loop([&body](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop);
    co_await bench.prepare();
    co_await body(bench);
    co_await bench.close();
  });
}

}  // namespace

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
