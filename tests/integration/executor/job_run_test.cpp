// One run of a job, with an API that answers.
#include <catch2/catch.hpp>

#include "tests/integration/executor/run_on_bench.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using nlohmann::json;

TEST_CASE("a job goes from QUEUED over RUNNING to SUCCESS, and what its action says is written") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_ok");
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::Success);
    CHECK(outcome.fate == EntryFate::Consume);
    const json& job = bench.api.job(id);
    CHECK(job["state"] == "SUCCESS");
    CHECK(job["return-code"] == 0);
    CHECK(job["progress"] == 50);
    CHECK(job["status-message"] == "half way");
    CHECK(job["affected-resources"] == json::parse(R"([{"href": "deployment/7"}])"));
    CHECK(bench.api.edits.front() == json::parse(R"({"state": "RUNNING"})"));
  });
}

TEST_CASE("a return code other than 0 is FAILED with that code") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_return", R"({"payload": "17"})");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "FAILED");
    CHECK(bench.api.job(id)["return-code"] == 17);
    const std::string negative = bench.api.add_job("test_return", R"({"payload": "-5"})");
    co_await bench.run(negative);
    CHECK(bench.api.job(negative)["state"] == "FAILED");
    CHECK(bench.api.job(negative)["return-code"] == 1);
  });
}

TEST_CASE("an action that crashes fails its job with the signal and its last output") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_crash");
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::Failed);
    const auto message = bench.api.job(id)["status-message"].get<std::string>();
    CHECK_THAT(message, Catch::Contains("Segmentation fault"));
    CHECK_THAT(message, Catch::Contains("about to crash"));
    const std::string next = bench.api.add_job("test_ok");
    co_await bench.run(next);
    CHECK(bench.api.job(next)["state"] == "SUCCESS");
  });
}

TEST_CASE("an action that exits fails its job") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_exit");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "FAILED");
    CHECK_THAT(bench.api.job(id)["status-message"].get<std::string>(),
               Catch::Contains("ended its process with exit code 0"));
  });
}

TEST_CASE("hosts are used again, and not after a crash") {
  on_bench([](Bench& bench) -> awaitable<void> {
    std::vector<std::string> processes;
    for (const char* action :
         {"test_tell_process", "test_tell_process", "test_crash", "test_tell_process"}) {
      const std::string id = bench.api.add_job(action);
      co_await bench.run(id);
      processes.push_back(bench.api.job(id)["status-message"].get<std::string>());
    }
    CHECK(processes[0] == processes[1]);
    CHECK(processes[3] != processes[0]);
  });
}

TEST_CASE("an action that breaks off fails its job, or sends it to pull mode when mixed") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_break_off");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "FAILED");
    CHECK(bench.api.job(id)["status-message"] == "it broke");
    const std::string mixed = bench.api.add_job("test_break_off", R"({"execution-mode": "mixed"})");
    const Outcome outcome = co_await bench.run(mixed);
    CHECK(outcome.fate == EntryFate::Consume);
    CHECK(bench.api.job(mixed)["state"] == "QUEUED");
    CHECK(bench.api.job(mixed)["execution-mode"] == "pull");
  });
}

TEST_CASE("a job left RUNNING keeps its state and has its last status") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_leave_running");
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::LeftRunning);
    CHECK(outcome.fate == EntryFate::Consume);
    CHECK(bench.api.job(id)["state"] == "RUNNING");
    CHECK(bench.api.job(id)["status-message"] == "children are running");
    CHECK_FALSE(bench.api.job(id).contains("return-code"));
  });
}

TEST_CASE("an action that speaks for its host fails its job and costs nobody else anything") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_pose_as_host");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "FAILED");
    CHECK_THAT(bench.api.job(id)["status-message"].get<std::string>(),
               Catch::Contains("a second message ready"));
  });
}

TEST_CASE("the next attempt is told that an earlier one did not end cleanly") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const char* running = R"({"state": "RUNNING", "target-resource": {"href": "deployment/1"}})";
    const std::string id = bench.api.add_job("test_tell_attempt", running);
    co_await bench.run(id, 2);
    CHECK(bench.api.job(id)["status-message"] ==
          "attempt 2 resumed 1 of " + id + " on deployment/1");
  });
}

TEST_CASE("however much an action says, few edits are made and the last values are written") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.limits.action.report_pace = std::chrono::seconds(1);
    const std::string id = bench.api.add_job("test_talk");
    const auto started = runtime::Clock::now();
    co_await bench.run(id);
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(runtime::Clock::now() - started).count();
    CHECK(bench.api.job(id)["status-message"] == "19999");
    CHECK(bench.api.job(id)["progress"] == 99);
    CHECK(bench.api.edits.size() <= static_cast<std::size_t>(seconds) + 4);
  });
}

TEST_CASE("an action reaches the resource API through its executor, while the lease holds") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_ask_api");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    const auto seen = json::parse(bench.api.job(id)["status-message"].get<std::string>());
    CHECK(seen["id"] == id);
    CHECK(seen["state"] == "RUNNING");
  });
}

TEST_CASE("actions run without the executor's secrets") {
  ::setenv("JOB_API_PASS", "hush", 1);
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id =
        bench.api.add_job("test_tell_environment", R"({"payload": "\"JOB_API_PASS\""})");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["status-message"] == "not set");
  });
  ::unsetenv("JOB_API_PASS");
}

TEST_CASE("a job that does not exist is not consumed by its run") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.limits.document_wait = std::chrono::milliseconds(50);
    const Outcome outcome = co_await bench.run("job/none");
    CHECK(outcome.fate == EntryFate::AwaitDocument);
  });
}

TEST_CASE("a payload that is not what the manifest's schema wants fails its job without a run") {
  on_bench([](Bench& bench) -> awaitable<void> {
    for (const char* bad : {R"({"payload": "{\"count\": 0}"})", R"({"payload": "[]"})", "{}"}) {
      const std::string id = bench.api.add_job("test_schema", bad);
      const Outcome outcome = co_await bench.run(id);
      CHECK(outcome.fate == EntryFate::Consume);
      const json& job = bench.api.job(id);
      CHECK(job["state"] == "FAILED");
      CHECK(job["return-code"] == 1);
      CHECK_THAT(job["status-message"].get<std::string>(), Catch::StartsWith("payload "));
      CHECK(bench.api.edits.size() == 1);  // it was never RUNNING
      bench.api.edits.clear();
    }
    const std::string good = bench.api.add_job("test_schema", R"({"payload": "{\"count\": 1}"})");
    co_await bench.run(good);
    CHECK(bench.api.job(good)["state"] == "SUCCESS");
  });
}

TEST_CASE("a job of an action that is not offered here is left to other executors") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_needs_labels");
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.fate == EntryFate::ReleaseLater);
    CHECK_FALSE(outcome.api_trouble);
    CHECK_THAT(outcome.reason,
               Catch::Contains("needs the labels gpu, region=eu, which this executor lacks"));
    CHECK(bench.api.edits.empty());
    CHECK(bench.api.job(id)["state"] == "QUEUED");
  });
}
