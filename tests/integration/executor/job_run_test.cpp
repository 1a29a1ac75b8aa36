#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/integration/executor/bench.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using cimi::ReplyKind;
using nlohmann::json;

namespace {

// A test with a bench that is ready and is closed at the end.
void on_bench(const std::function<awaitable<void>(Bench&)>& body) {
  run_on_loop([&body](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop);
    co_await bench.prepare();
    co_await body(bench);
    co_await bench.close();
  });
}

bool is_edit(const cimi::Request& request, const char* state) {
  if (request.method != "PUT" || request.path == "job") return false;
  return json::parse(request.body).value("state", "") == state;
}

}  // namespace

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

TEST_CASE("a fall-back whose answer was lost is not written again over the edge's work") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_break_off", R"({"execution-mode": "mixed"})");
    int fall_backs = 0;
    bench.api.trouble = [&](const cimi::Request& request) {
      MemoryApi::Trouble trouble;
      if (is_edit(request, "QUEUED") && ++fall_backs == 1) {
        trouble.kind = ReplyKind::Unreachable;
        trouble.applied = true;
      }
      return trouble;
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::FellBack);
    CHECK(fall_backs == 1);
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

TEST_CASE("a cancel while the action runs stops it, and nothing is written afterwards") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_obey");
    bench.api.after_edit = [&](const std::string&) {
      json& job = bench.api.job(id);
      if (job.contains("status-message")) job["state"] = "CANCELED";
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::AlreadyFinal);
    CHECK(outcome.fate == EntryFate::Consume);
    CHECK(bench.api.job(id)["state"] == "CANCELED");
  });
}

TEST_CASE("an action deaf to every request is killed when its job is cancelled") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_hang");
    bench.api.after_edit = [&](const std::string&) {
      json& job = bench.api.job(id);
      if (job.contains("status-message")) job["state"] = "CANCELED";
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::AlreadyFinal);
  });
}

TEST_CASE("an action over its time limit is stopped and its job FAILED") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.limits.action.timeout = std::chrono::milliseconds(500);
    const std::string id = bench.api.add_job("test_hang");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "FAILED");
    CHECK_THAT(bench.api.job(id)["status-message"].get<std::string>(),
               Catch::Contains("limit of 500 ms"));
  });
}

TEST_CASE("when the lease is lost the action is stopped and nothing is written any more") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_hang");
    bench.api.after_edit = [&](const std::string&) {
      if (bench.api.job(id).contains("status-message")) bench.hold.held = false;
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.fate == EntryFate::Release);
    CHECK(bench.api.job(id)["state"] == "RUNNING");
    CHECK(bench.api.edits.size() == 2);
  });
}

TEST_CASE("an action whose lock is lost is killed at once, not at the next look at the lease") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.limits.action.renewal = std::chrono::hours(1);
    bench.limits.action.stop_grace = std::chrono::hours(1);
    const std::string id = bench.api.add_job("test_hang");
    bench.api.after_edit = [&](const std::string&) {
      if (!bench.api.job(id).contains("status-message")) return;
      bench.hold.held = false;
      bench.current->lock_lost("somebody removed it");
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.fate == EntryFate::Release);
    CHECK(bench.api.job(id)["state"] == "RUNNING");
  });
}

TEST_CASE("a job that is not to be run any more when its host is there is not run") {
  const TemporaryDirectory directory;
  const std::string trace = (directory.path() / "trace").string();
  const bool lost = GENERATE(true, false);
  on_bench([&](Bench& bench) -> awaitable<void> {
    const json changes = {{"payload", json(trace).dump()}};
    const std::string id = bench.api.add_job("test_leave_trace", changes.dump().c_str());
    bench.api.after_edit = [&](const std::string&) {
      if (lost) bench.hold.held = false;
      if (!lost) bench.current->end_soon();
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.fate == EntryFate::Release);
    CHECK(bench.api.edits.size() == 1);
    CHECK_FALSE(std::filesystem::exists(trace));
  });
}

TEST_CASE("a job that was only read when its executor ends is left as it is") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_ok");
    bench.api.trouble = [&](const cimi::Request&) {
      bench.current->end_soon();
      return MemoryApi::Trouble();
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.fate == EntryFate::Release);
    CHECK(bench.api.edits.empty());
  });
}

TEST_CASE("an outcome that comes late does not overwrite what the next run has written") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_ok");
    bench.api.trouble = [&](const cimi::Request& request) {
      if (is_edit(request, "SUCCESS")) {
        bench.hold.held = false;
        bench.api.touch(id);
      }
      return MemoryApi::Trouble();
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.fate == EntryFate::Release);
    CHECK(bench.api.job(id)["state"] == "RUNNING");
  });
}

TEST_CASE("an outcome that the API never takes is no trouble of the API's") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_ok");
    bench.api.trouble = [&](const cimi::Request& request) {
      MemoryApi::Trouble trouble;
      if (is_edit(request, "SUCCESS")) trouble.kind = ReplyKind::Invalid;
      return trouble;
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.fate == EntryFate::ReleaseLater);
    CHECK_FALSE(outcome.api_trouble);
  });
}

TEST_CASE("an outcome is recorded although somebody has edited the job meanwhile") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_ok");
    int sent = 0;
    bench.api.trouble = [&](const cimi::Request& request) {
      if (is_edit(request, "SUCCESS") && ++sent == 1) bench.api.touch(id);
      return MemoryApi::Trouble();
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::Success);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    CHECK(sent == 2);
  });
}

TEST_CASE("an action that has ended before the executor wants to end keeps its outcome") {
  const TemporaryDirectory directory;
  const std::string trace = (directory.path() / "trace").string();
  on_bench([&](Bench& bench) -> awaitable<void> {
    const json changes = {{"payload", json(trace).dump()}};
    const std::string id = bench.api.add_job("test_leave_trace", changes.dump().c_str());
    const auto slow_answer = std::make_shared<runtime::Event>();
    bench.api.trouble = [&](const cimi::Request& request) {
      MemoryApi::Trouble trouble;
      const bool report = request.method == "PUT" && request.path != "job" &&
                          !json::parse(request.body).contains("state");
      if (report) trouble.until = slow_answer;
      return trouble;
    };
    auto end_later = [](Bench* ending, std::string file,
                        std::shared_ptr<runtime::Event> answer) -> awaitable<void> {
      auto ran = [&file] { return std::filesystem::exists(file); };
      co_await eventually(ran);
      co_await answer->wait_for(std::chrono::milliseconds(500));
      ending->current->end_soon();
      answer->raise();
    };
    bench.background.spawn(end_later(&bench, trace, slow_answer));
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::Success);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
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

TEST_CASE("a host ends itself when its lease passes, whatever its executor does") {
  on_bench([](Bench& bench) -> awaitable<void> {
    // No renewal: as if the executor were stopped.
    bench.limits.action.renewal = std::chrono::hours(1);
    const std::string id = bench.api.add_job("test_hang");
    constexpr LeaseStamp second = 1'000'000'000;
    bench.hold.lease_end = lease_clock_now() + second;
    const auto started = runtime::Clock::now();
    const Outcome outcome = co_await bench.run(id);
    CHECK(runtime::Clock::now() - started < std::chrono::seconds(20));
    CHECK(outcome.fate != EntryFate::AwaitDocument);
  });
}

TEST_CASE("a run of an executor that ends is stopped and released") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_obey");
    bench.api.after_edit = [&](const std::string&) {
      if (bench.api.job(id).contains("status-message")) bench.current->end_soon();
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.fate == EntryFate::Release);
    CHECK(bench.api.job(id)["state"] == "RUNNING");
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

TEST_CASE("an outcome is kept while the API is away, and the action is not run again") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_return", R"({"payload": "0"})");
    int refused = 0;
    bench.api.trouble = [&](const cimi::Request& request) {
      MemoryApi::Trouble trouble;
      if (is_edit(request, "SUCCESS") && ++refused <= 3) trouble.kind = ReplyKind::Unavailable;
      return trouble;
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::Success);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    CHECK(refused == 4);
  });
}

TEST_CASE("an outcome whose answer was lost is found to be recorded") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_return", R"({"payload": "0"})");
    int sent = 0;
    bench.api.trouble = [&](const cimi::Request& request) {
      MemoryApi::Trouble trouble;
      if (is_edit(request, "SUCCESS") && ++sent == 1) {
        trouble.kind = ReplyKind::Unreachable;
        trouble.applied = true;
      }
      return trouble;
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::Success);
    CHECK(outcome.fate == EntryFate::Consume);
  });
}

TEST_CASE("a start whose answer was lost is found to be done, and runs once") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_ok");
    int starts = 0;
    bench.api.trouble = [&](const cimi::Request& request) {
      MemoryApi::Trouble trouble;
      if (is_edit(request, "RUNNING") && ++starts == 1) {
        trouble.kind = ReplyKind::Unreachable;
        trouble.applied = true;
      }
      return trouble;
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::Success);
    CHECK(starts == 1);
  });
}

TEST_CASE("a job cancelled between reading and starting it is consumed, and its action not run") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_ok");
    bench.api.trouble = [&](const cimi::Request& request) {
      if (is_edit(request, "RUNNING")) bench.api.job(id)["state"] = "CANCELED";
      return MemoryApi::Trouble();
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::AlreadyFinal);
    CHECK(outcome.fate == EntryFate::Consume);
    CHECK(bench.api.edits.empty());
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
