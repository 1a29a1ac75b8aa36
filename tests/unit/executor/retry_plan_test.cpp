#include "executor/retry_plan.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <random>

#include "executor/run_outcome.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

RetrySituation situation(std::int32_t done, double chance = 0.0) {
  RetrySituation made;
  made.possible = true;
  made.done = done;
  made.chance = chance;
  return made;
}

job::Job a_job(const char* mode = "push") {
  return job::Job({{"id", "job/1"}, {"state", "RUNNING"}, {"execution-mode", mode}});
}

ActionEnd end_of(ActionEnd::Kind kind, std::string message = "busy") {
  ActionEnd end;
  end.kind = kind;
  end.message = std::move(message);
  return end;
}

ActionEnd returned(std::int64_t code) {
  ActionEnd end = end_of(ActionEnd::Kind::Returned, "");
  end.return_code = code;
  return end;
}

std::string message_of(const Outcome& outcome) {
  return outcome.edit.at("status-message").get<std::string>();
}

using Kind = ActionEnd::Kind;

}  // namespace

TEST_CASE("the delay of retries doubles up to the longest") {
  CHECK(retry_delay(situation(0, 1.0), 0ms) == 1s);
  CHECK(retry_delay(situation(1, 1.0), 0ms) == 2s);
  CHECK(retry_delay(situation(4, 1.0), 0ms) == 16s);
  CHECK(retry_delay(situation(9, 1.0), 0ms) == 5min);
  CHECK(retry_delay(situation(std::numeric_limits<std::int32_t>::max(), 1.0), 0ms) == 5min);
}

TEST_CASE("the delay of a retry lies in the upper half of its band, anywhere") {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> chance(0.0, 1.0);
  milliseconds least = 1h;
  milliseconds most = 0ms;
  for (int i = 0; i < 1000; ++i) {
    const milliseconds delay = retry_delay(situation(3, chance(random)), 0ms);
    REQUIRE(delay >= 4s);
    REQUIRE(delay <= 8s);
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  CHECK(least < 4200ms);
  CHECK(most > 7800ms);
}

TEST_CASE("an action's own delay is a floor, within reason") {
  CHECK(retry_delay(situation(0, 1.0), 10s) == 10s);
  CHECK(retry_delay(situation(5, 1.0), 10s) == 32s);
  CHECK(retry_delay(situation(0), -5s) == 500ms);
  CHECK(retry_delay(situation(0), milliseconds::max()) == 24h * 365);
}

TEST_CASE("odd retry policies give a delay all the same") {
  RetrySituation odd = situation(50, 1.0);
  odd.policy.first_delay = 0ms;
  CHECK(retry_delay(odd, 0ms) == 0ms);
  odd.policy.first_delay = 10s;
  odd.policy.longest_delay = 1s;
  CHECK(retry_delay(odd, 0ms) == 1s);
  odd.policy.first_delay = milliseconds::max();
  odd.policy.longest_delay = milliseconds::max();
  CHECK(retry_delay(odd, 0ms) == 24h * 365);
}

TEST_CASE("delays are told in whole seconds") {
  CHECK(delay_text(350ms) == "350 ms");
  CHECK(delay_text(1000ms) == "1 s");
  CHECK(delay_text(7600ms) == "8 s");
  CHECK(delay_text(5min) == "300 s");
}

TEST_CASE("an action that wants to be run again later puts its job back to QUEUED") {
  const Outcome outcome = after_action(end_of(Kind::RetryLater), a_job(), situation(1, 1.0));
  CHECK(outcome.fate == EntryFate::Park);
  CHECK(outcome.result == RunResult::Retried);
  CHECK(outcome.retries == 2);
  CHECK(outcome.retry_delay == 2s);
  CHECK(outcome.edit ==
        nlohmann::json::parse(
            R"({"state": "QUEUED", "status-message": "Retry 2 of 5 in 2 s: busy"})"));
}

TEST_CASE("beyond its limit a retry is FAILED, with the number of tries") {
  const Outcome outcome = after_action(end_of(Kind::RetryLater), a_job(), situation(5));
  CHECK(outcome.fate == EntryFate::Consume);
  CHECK(outcome.result == RunResult::Failed);
  CHECK(outcome.edit["state"] == "FAILED");
  CHECK(outcome.edit["return-code"] == 1);
  CHECK(message_of(outcome) == "Gave up after 6 tries: busy");
  RetrySituation none = situation(0);
  none.policy.limit = 0;
  CHECK(message_of(after_action(end_of(Kind::RetryLater, ""), a_job(), none)) ==
        "Gave up after 1 try: the action asked to be run again later");
}

TEST_CASE("in pull mode nothing is retried, as nobody would count") {
  const Outcome outcome = after_action(end_of(Kind::RetryLater), a_job());
  CHECK(outcome.fate == EntryFate::Consume);
  CHECK(outcome.edit["state"] == "FAILED");
  CHECK_THAT(message_of(outcome), Catch::StartsWith("busy") && Catch::Contains("pull mode"));
}

TEST_CASE("what else is retried is the policy's word") {
  RetrySituation nothing_more = situation(0);
  RetrySituation all = situation(0);
  all.policy.on_crash = all.policy.on_timeout = all.policy.on_failure = true;
  for (const ActionEnd& end :
       {end_of(Kind::Crashed), end_of(Kind::TimedOut), end_of(Kind::BrokeOff), returned(3)}) {
    CHECK(after_action(end, a_job(), nothing_more).result == RunResult::Failed);
    CHECK(after_action(end, a_job(), all).result == RunResult::Retried);
  }
  RetrySituation one = situation(0);
  one.policy.on_crash = true;
  CHECK(after_action(end_of(Kind::Crashed), a_job(), one).result == RunResult::Retried);
  CHECK(after_action(end_of(Kind::TimedOut), a_job(), one).result == RunResult::Failed);
  CHECK(after_action(returned(3), a_job(), one).result == RunResult::Failed);
  one.policy.on_crash = false;
  one.policy.on_timeout = true;
  CHECK(after_action(end_of(Kind::Crashed), a_job(), one).result == RunResult::Failed);
  CHECK(after_action(end_of(Kind::TimedOut), a_job(), one).result == RunResult::Retried);
}

TEST_CASE("what is no failure is never retried") {
  RetrySituation all = situation(0);
  all.policy.on_crash = all.policy.on_timeout = all.policy.on_failure = true;
  for (const Kind kind : {Kind::Returned, Kind::LeftRunning, Kind::Skipped, Kind::Canceled,
                          Kind::JobGone, Kind::Drained, Kind::LeaseLost, Kind::NotStarted}) {
    CHECK(after_action(end_of(kind), a_job(), all).result != RunResult::Retried);
  }
}

TEST_CASE("a failure that was retried in vain keeps its return code") {
  RetrySituation over = situation(2);
  over.policy.on_failure = true;
  over.policy.limit = 2;
  const Outcome outcome = after_action(returned(3), a_job(), over);
  CHECK(outcome.edit["return-code"] == 3);
  CHECK(message_of(outcome) == "Gave up after 3 tries: the action returned 3");
}

TEST_CASE("in mixed mode retries come before the fall-back to pull mode") {
  RetrySituation retry = situation(0);
  retry.policy.on_crash = true;
  retry.policy.limit = 1;
  CHECK(after_action(end_of(Kind::Crashed), a_job("mixed"), retry).result == RunResult::Retried);
  retry.done = 1;
  CHECK(after_action(end_of(Kind::Crashed), a_job("mixed"), retry).result == RunResult::FellBack);
}

TEST_CASE("a retry that cannot be noted is none") {
  const Outcome outcome =
      retry_not_kept(end_of(Kind::RetryLater), a_job(), "cannot write /job/attempts: not allowed");
  CHECK(outcome.edit["state"] == "FAILED");
  CHECK_THAT(message_of(outcome), Catch::StartsWith("busy\n") && Catch::Contains("not allowed"));
}

TEST_CASE("a skipped job is SUCCESS and says so") {
  const Outcome outcome = after_action(end_of(Kind::Skipped, "no news"), a_job());
  CHECK(outcome.fate == EntryFate::Consume);
  CHECK(outcome.result == RunResult::Success);
  CHECK(outcome.edit == nlohmann::json::parse(R"({"state": "SUCCESS", "return-code": 0,
                                                  "status-message": "Skipped: no news"})"));
  CHECK(message_of(after_action(end_of(Kind::Skipped, ""), a_job())) == "Skipped");
}
