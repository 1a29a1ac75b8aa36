// Programs as actions, in real action hosts: docs/protocols/executable_actions.md.
#include <catch2/catch.hpp>

#include "tests/integration/executor/run_on_bench.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using Catch::Contains;
using nlohmann::json;
using namespace std::chrono_literals;

namespace {

std::string job_that(Bench& bench, const std::string& act) {
  const json changes = {{"payload", json{{"do", act}}.dump()}};
  return bench.api.add_job("program_acts", changes.dump().c_str());
}

std::string message_of(Bench& bench, const std::string& id) {
  return bench.api.job(id).value("status-message", "");
}

}  // namespace

TEST_CASE("program: everything it says arrives, and the API answers it") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = job_that(bench, "talk");
    co_await bench.run(id, 2);
    const json& job = bench.api.job(id);
    CHECK(job["state"] == "SUCCESS");
    CHECK(job["progress"] == 40);
    CHECK(job["affected-resources"] == json::parse(R"([{"href": "deployment/7"}])"));
    CHECK(job["status-message"] == "own 200 RUNNING, attempt 2, checkpoint None");
  });
}

TEST_CASE("program: each way to end has its outcome") {
  struct Case {
    const char* act;
    const char* state;
    int return_code;
    const char* message;
  };
  const auto expected =
      GENERATE(Case{"fail", "FAILED", 1, "no luck"}, Case{"fail with code", "FAILED", 5, "code"},
               Case{"skip", "SUCCESS", 0, "Skipped: there already"},
               Case{"exit 0", "SUCCESS", 0, ""}, Case{"exit 3", "FAILED", 3, "exited with code 3"},
               Case{"crash", "FAILED", 1, "killed by signal 11"},
               Case{"close stdout", "FAILED", 4, "exited with code 4"},
               Case{"hold stdout", "SUCCESS", 0, ""});
  on_bench([&expected](Bench& bench) -> awaitable<void> {
    INFO(expected.act);
    const std::string id = job_that(bench, expected.act);
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == expected.state);
    CHECK(bench.api.job(id)["return-code"] == expected.return_code);
    CHECK_THAT(message_of(bench, id), Contains(expected.message));
  });
}

TEST_CASE("program: what is not of the protocol breaks the attempt, and the message shows it") {
  struct Case {
    const char* act;
    const char* said;
  };
  const auto bad = GENERATE(
      Case{"print", "hello, people"}, Case{"unknown type", "unknown type \"shout\""},
      Case{"bad member", "\"percent\" must be a number"},
      Case{"bad outcome", "\"outcome\" must be success"}, Case{"huge line", "a line of more than"},
      Case{"half a line", "{\\\"type\\\": \\\"status\\\", \\\"te"});
  on_bench([&bad](Bench& bench) -> awaitable<void> {
    INFO(bad.act);
    const std::string id = job_that(bench, bad.act);
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "FAILED");
    CHECK_THAT(message_of(bench, id),
               Contains("The program broke its protocol") && Contains(bad.said));
    const std::string next = job_that(bench, "exit 0");
    co_await bench.run(next);
    CHECK(bench.api.job(next)["state"] == "SUCCESS");
  });
}

TEST_CASE("program: a job it leaves running stays so") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = job_that(bench, "leave");
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::LeftRunning);
  });
}

TEST_CASE("program: a payload nested without end breaks nothing") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const json changes = {{"payload", std::string(20000, '[') + std::string(20000, ']')},
                          {"target-resource", {{"href", "reads/nothing"}}}};
    const std::string id = bench.api.add_job("program_acts", changes.dump().c_str());
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
  });
}

TEST_CASE("program: a large payload it never reads blocks nobody") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const json changes = {{"payload", json{{"pad", std::string(5UL << 20, 'x')}}.dump()},
                          {"target-resource", {{"href", "reads/nothing"}}}};
    const std::string id = bench.api.add_job("program_acts", changes.dump().c_str());
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    CHECK(message_of(bench, id) == "never read it");
  });
}

TEST_CASE("program: a stop reaches it as a line, and one that is deaf is killed") {
  on_bench([](Bench& bench) -> awaitable<void> {
    for (const char* act : {"stop", "be deaf"}) {
      INFO(act);
      bench.limits.action.timeout = 300ms;
      bench.limits.action.stop_grace = std::string(act) == "stop" ? 60s : 100ms;
      bench.limits.action.kill_grace = 100ms;
      const std::string id = job_that(bench, act);
      co_await bench.run(id);
      CHECK(bench.api.job(id)["state"] == "FAILED");
      CHECK_THAT(message_of(bench, id), Contains("stopped after its limit of"));
    }
  });
}

TEST_CASE("program: one that does not end after its result is ended, and the result counts") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = job_that(bench, "stay");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    CHECK(message_of(bench, id) == "done");
  });
}

TEST_CASE(
    "program: one that knows nothing of the engine gets its payload and is judged by its exit") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string well = bench.api.add_job(
        "program_prints", R"({"payload": "{\"a\":1}", "target-resource": {"href": "x/1"}})");
    co_await bench.run(well, 3);
    CHECK(bench.api.job(well)["state"] == "SUCCESS");
    CHECK_THAT(bench.api.job(well).value("output", ""),
               Contains("as told " + well + " program_prints attempt 3 resumed 0 target x/1 " +
                        "payload {\"a\":1}") &&
                   Contains("to stderr"));

    const std::string badly = bench.api.add_job("program_prints", R"({"payload": "\"fail\""})");
    co_await bench.run(badly);
    CHECK(bench.api.job(badly)["return-code"] == 7);

    bench.limits.action.timeout = 300ms;
    bench.limits.action.stop_grace = 60s;  // a stop is SIGTERM for it
    const std::string stopped = bench.api.add_job("program_prints", R"({"payload": "\"stop\""})");
    co_await bench.run(stopped);
    CHECK_THAT(message_of(bench, stopped), Contains("stopped after its limit of"));
  });
}
