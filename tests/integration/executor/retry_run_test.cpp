// Retries, checkpoints and limits of one run, in real action hosts, against an API in memory.
#include <catch2/catch.hpp>

#include "tests/integration/executor/run_on_bench.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

std::string message_of(Bench& bench, const std::string& id) {
  return bench.api.job(id).value("status-message", "");
}

}  // namespace

TEST_CASE("a retry is noted in the attempt record before the job says it") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("retry_never_done");
    int noted = -1;
    bench.api.after_edit = [&](const std::string&) {
      if (bench.api.job(id)["state"] == "QUEUED") noted = bench.attempts.kept.retries;
    };
    const auto before = std::chrono::system_clock::now();
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.fate == EntryFate::Park);
    CHECK(outcome.result == RunResult::Retried);
    CHECK(noted == 1);
    CHECK_THAT(message_of(bench, id), Catch::Matches("Retry 1 of 2 in [0-9]+ ms: the registry is "
                                                     "busy"));
    CHECK(bench.attempts.kept.not_before > before);
    REQUIRE(bench.attempts.kept.attempts.size() == 1);
    CHECK(bench.attempts.kept.attempts[0].how == "the registry is busy");
    const Outcome second = co_await bench.run(id, 2);
    CHECK(second.fate == EntryFate::Park);
    const Outcome third = co_await bench.run(id, 3);
    CHECK(third.fate == EntryFate::Consume);
    CHECK(bench.api.job(id)["state"] == "FAILED");
    CHECK(message_of(bench, id) == "Gave up after 3 tries: the registry is busy");
  });
}

TEST_CASE("takes without a retry do not count against its limit") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("retry_never_done");
    const Outcome outcome = co_await bench.run(id, 17);
    CHECK(outcome.result == RunResult::Retried);
    CHECK_THAT(message_of(bench, id), Catch::StartsWith("Retry 1 of 2"));
  });
}

TEST_CASE("a retry that cannot be noted fails its job, and one without the lease writes nothing") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.attempts.refusal = "not allowed";
    const std::string id = bench.api.add_job("retry_never_done");
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::Failed);
    CHECK(bench.api.job(id)["state"] == "FAILED");
    CHECK_THAT(message_of(bench, id), Catch::Contains("not allowed"));
  });
}

TEST_CASE("a job cancelled while its retry is written stays cancelled, and its entry goes") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("retry_never_done");
    bench.api.trouble = [&](const cimi::Request& request) {
      if (request.method == "PUT" && request.path == id &&
          json::parse(request.body).value("state", "") == "QUEUED") {
        bench.api.job(id)["state"] = "CANCELED";
      }
      return MemoryApi::Trouble();
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.fate == EntryFate::Consume);
    CHECK(outcome.result == RunResult::AlreadyFinal);
    CHECK(bench.api.job(id)["state"] == "CANCELED");
  });
}

TEST_CASE("a checkpoint is what the next attempt begins with") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.attempts.kept.checkpoint = R"({"page": 7})";
    const std::string id = bench.api.add_job("retry_resume");
    co_await bench.run(id, 2);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    CHECK(message_of(bench, id) == "attempt 2 goes on from page 7");
  });
}

TEST_CASE("a checkpoint is kept or refused with a reason the action gets to see") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string kept = bench.api.add_job("retry_save", R"({"payload": "200000"})");
    co_await bench.run(kept);
    CHECK(message_of(bench, kept) == "kept");
    CHECK(bench.attempts.kept.checkpoint.size() == 200002);
    const std::string large = bench.api.add_job("retry_save", R"({"payload": "300000"})");
    co_await bench.run(large);
    CHECK_THAT(message_of(bench, large), Catch::Contains("at most 262144"));
    CHECK(bench.attempts.writes == 1);
    bench.attempts.refusal = "the lease of the job is lost";
    const std::string lost = bench.api.add_job("retry_save", R"({"payload": "2"})");
    co_await bench.run(lost);
    CHECK(message_of(bench, lost) == "checkpoint not saved: the lease of the job is lost");
    bench.pull_mode = true;
    const std::string pulled = bench.api.add_job("retry_save", R"({"payload": "2"})");
    co_await bench.run(pulled);
    CHECK_THAT(message_of(bench, pulled), Catch::Contains("pull mode keeps no checkpoints"));
  });
}

TEST_CASE("a policy has crashes and failures retried") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string crashing = bench.api.add_job("retry_crash_once");
    const Outcome crashed = co_await bench.run(crashing);
    CHECK(crashed.fate == EntryFate::Park);
    CHECK_THAT(message_of(bench, crashing),
               Catch::StartsWith("Retry 1 of 5 in ") && Catch::Contains("Segmentation fault"));
    const Outcome ended = co_await bench.run(crashing, 2);
    CHECK(ended.result == RunResult::Success);
    bench.attempts.kept = queue::AttemptRecord();
    const std::string failing = bench.api.add_job("retry_failure");
    co_await bench.run(failing);
    CHECK(bench.api.job(failing)["state"] == "QUEUED");
    co_await bench.run(failing, 2);
    CHECK(bench.api.job(failing)["state"] == "FAILED");
    CHECK(bench.api.job(failing)["return-code"] == 7);
    CHECK(message_of(bench, failing) == "Gave up after 2 tries: the action returned 7");
  });
}

TEST_CASE("a skipped job is a success that says so") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("retry_skip");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    CHECK(bench.api.job(id)["return-code"] == 0);
    CHECK(message_of(bench, id) == "Skipped: it is installed already");
  });
}

TEST_CASE("a silent action is stopped, one that talks is not") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.limits.action.stop_grace = 30s;
    const std::string silent = bench.api.add_job("limit_silent");
    co_await bench.run(silent);
    CHECK(bench.api.job(silent)["state"] == "FAILED");
    CHECK_THAT(message_of(bench, silent),
               Catch::StartsWith("The action was stopped after it was silent for 300 ms: it ended "
                                 "when asked"));
    const std::string talkative = bench.api.add_job("limit_talkative");
    co_await bench.run(talkative);
    CHECK(bench.api.job(talkative)["state"] == "SUCCESS");
  });
}

TEST_CASE("the shorter of the manifest's limit and the executor's counts") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.limits.action.stop_grace = 30s;
    bench.limits.action.timeout = 1h;
    const std::string own = bench.api.add_job("limit_obeys");
    co_await bench.run(own);
    CHECK_THAT(message_of(bench, own),
               Catch::StartsWith("The action was stopped after its limit of 200 ms: it ended"));
    bench.limits.action.timeout = 100ms;
    const std::string given = bench.api.add_job("limit_obeys");
    co_await bench.run(given);
    CHECK_THAT(message_of(bench, given),
               Catch::StartsWith("The action was stopped after its limit of 100 ms: it ended"));
  });
}

TEST_CASE("the record tells how a run over its limit ended") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.limits.action.timeout = 200ms;
    const std::string deaf = bench.api.add_job("test_hang");
    co_await bench.run(deaf);
    CHECK_THAT(message_of(bench, deaf),
               Catch::StartsWith("The action was stopped after its limit of 200 ms: it had to be "
                                 "killed (SIGKILL)"));
    // Deaf to the request only.
    bench.limits.action.kill_grace = 30s;
    const std::string terminated = bench.api.add_job("test_succeed_later");
    co_await bench.run(terminated);
    CHECK_THAT(message_of(bench, terminated),
               Catch::StartsWith("The action was stopped after its limit of 200 ms: it ended after "
                                 "SIGTERM"));
  });
}
