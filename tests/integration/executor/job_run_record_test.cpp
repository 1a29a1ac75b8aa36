// What becomes of a run when answers of the API are lost, late or refusals.
#include <catch2/catch.hpp>

#include "tests/integration/executor/run_on_bench.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using cimi::ReplyKind;

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
