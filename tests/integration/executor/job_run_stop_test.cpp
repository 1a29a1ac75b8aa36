// How a run ends that is stopped: cancelled, too long, without its lease, in a drain.
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/integration/executor/run_on_bench.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using nlohmann::json;

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
