#include "executor/run_outcome.hpp"

#include <catch2/catch.hpp>

using namespace jobengine;
using namespace jobengine::executor;
using cimi::ReplyKind;
using nlohmann::json;

namespace {

job::Job a_job(const char* changes = "{}") {
  json document = json::parse(R"({"id": "job/1", "state": "QUEUED", "action": "sleep",
                                  "version": 2, "execution-mode": "push"})");
  document.merge_patch(json::parse(changes));
  return job::Job(document);
}

Situation known_action() {
  Situation situation;
  situation.action_known = true;
  return situation;
}

cimi::Reply reply_of(ReplyKind kind) {
  cimi::Reply reply;
  reply.kind = kind;
  reply.message = "what the API said";
  return reply;
}

ActionEnd end_of(ActionEnd::Kind kind, std::string message = "") {
  ActionEnd end;
  end.kind = kind;
  end.message = std::move(message);
  return end;
}

ActionEnd returned(std::int64_t code) {
  ActionEnd end;
  end.return_code = code;
  return end;
}

}  // namespace

TEST_CASE("a job that does not exist is waited for, not consumed at once (row 1)") {
  const auto outcome = after_fetch(reply_of(ReplyKind::NotFound));
  REQUIRE(outcome);
  CHECK(outcome->fate == EntryFate::AwaitDocument);
  CHECK(outcome->result == RunResult::NoJob);
}

TEST_CASE("a job that cannot be read is released with a back-off, and taking pauses (row 2)") {
  const auto kind = GENERATE(ReplyKind::Unavailable, ReplyKind::Unreachable, ReplyKind::Refused);
  const auto outcome = after_fetch(reply_of(kind));
  REQUIRE(outcome);
  CHECK(outcome->fate == EntryFate::ReleaseLater);
  CHECK(outcome->api_trouble);
  CHECK(outcome->edit.is_null());
}

TEST_CASE("a job that can be read goes on") {
  CHECK_FALSE(after_fetch(reply_of(ReplyKind::Ok)));
  CHECK_FALSE(before_start(a_job(), known_action()));
}

TEST_CASE("a job for an older engine fails with both versions named (row 3)") {
  const auto outcome = before_start(a_job(R"({"version": 1})"), known_action());
  REQUIRE(outcome);
  CHECK(outcome->fate == EntryFate::Consume);
  CHECK(outcome->edit["state"] == "FAILED");
  CHECK(outcome->edit["status-message"] == "Job v1 is not supported by Job engine v" JE_VERSION);
  CHECK_FALSE(outcome->edit.contains("return-code"));
}

TEST_CASE("a job for a newer engine is left to it, untouched and with a back-off (row 4)") {
  const auto outcome = before_start(a_job(R"({"version": 3})"), known_action());
  REQUIRE(outcome);
  CHECK(outcome->fate == EntryFate::ReleaseLater);
  CHECK(outcome->edit.is_null());
  CHECK_FALSE(outcome->api_trouble);
}

TEST_CASE("a final job is consumed whatever its version (row 5)") {
  const auto state = GENERATE("SUCCESS", "FAILED", "CANCELED");
  const auto version = GENERATE(1, 2, 3);
  json changes;
  changes["state"] = state;
  changes["version"] = version;
  const auto outcome = before_start(a_job(changes.dump().c_str()), known_action());
  REQUIRE(outcome);
  CHECK(outcome->fate == EntryFate::Consume);
  CHECK(outcome->result == RunResult::AlreadyFinal);
  CHECK(outcome->edit.is_null());
}

TEST_CASE("a job found RUNNING is run anew (row 6)") {
  CHECK_FALSE(before_start(a_job(R"({"state": "RUNNING"})"), known_action()));
}

TEST_CASE("a job without an action fails with a message instead of staying QUEUED (row 7)") {
  const auto outcome = before_start(a_job(R"({"action": null})"), known_action());
  REQUIRE(outcome);
  CHECK(outcome->fate == EntryFate::Consume);
  CHECK(outcome->edit["state"] == "FAILED");
  CHECK(outcome->edit["status-message"] == "The job has no action");
}

TEST_CASE("an unknown action fails its job and is named (row 8)") {
  const auto outcome = before_start(a_job(), Situation());
  REQUIRE(outcome);
  CHECK(outcome->fate == EntryFate::Consume);
  CHECK(outcome->edit["status-message"] == "Not implemented action job/1: sleep");
}

TEST_CASE("a payload that is not JSON fails its job (row 9)") {
  const auto outcome = before_start(a_job(R"({"payload": "{not json"})"), known_action());
  REQUIRE(outcome);
  CHECK(outcome->fate == EntryFate::Consume);
  CHECK(outcome->edit["state"] == "FAILED");
  CHECK_FALSE(before_start(a_job(R"({"payload": "{\"a\": 1}"})"), known_action()));
}

TEST_CASE("a job in pull mode is run with --job-id and left alone in the queue") {
  Situation pulling = known_action();
  pulling.from_queue = false;
  CHECK_FALSE(before_start(a_job(R"({"execution-mode": "pull"})"), pulling));
  const auto outcome = before_start(a_job(R"({"execution-mode": "pull"})"), known_action());
  REQUIRE(outcome);
  CHECK(outcome->fate == EntryFate::Consume);
  CHECK(outcome->edit.is_null());
}

TEST_CASE("setting RUNNING refused for good releases the job (row 10)") {
  const auto kind = GENERATE(ReplyKind::Refused, ReplyKind::Invalid);
  const StartVerdict verdict = after_start_edit(reply_of(kind));
  REQUIRE(verdict.outcome);
  CHECK(verdict.outcome->fate == EntryFate::ReleaseLater);
}

TEST_CASE("setting RUNNING without a clear answer is looked after, never guessed (row 11)") {
  const auto kind = GENERATE(ReplyKind::Unreachable, ReplyKind::Unavailable, ReplyKind::Conflict,
                             ReplyKind::PreconditionFailed);
  const StartVerdict verdict = after_start_edit(reply_of(kind));
  CHECK(verdict.look);
  CHECK_FALSE(verdict.started);
  CHECK_FALSE(verdict.outcome);
  const Outcome unsettled = start_unsettled("no answer");
  CHECK(unsettled.fate == EntryFate::ReleaseLater);
  CHECK(unsettled.api_trouble);
}

TEST_CASE("a job deleted before it started is consumed") {
  const StartVerdict verdict = after_start_edit(reply_of(ReplyKind::NotFound));
  REQUIRE(verdict.outcome);
  CHECK(verdict.outcome->fate == EntryFate::Consume);
}

TEST_CASE("a return code of 0 is SUCCESS (row 12)") {
  const Outcome outcome = after_action(returned(0), a_job());
  CHECK(outcome.fate == EntryFate::Consume);
  CHECK(outcome.result == RunResult::Success);
  CHECK(outcome.edit == json::parse(R"({"state": "SUCCESS", "return-code": 0})"));
}

TEST_CASE("another return code is FAILED with that code (row 13)") {
  const Outcome outcome = after_action(returned(17), a_job());
  CHECK(outcome.fate == EntryFate::Consume);
  CHECK(outcome.edit == json::parse(R"({"state": "FAILED", "return-code": 17})"));
}

TEST_CASE("a return code the API would not take is recorded as 1, and the true one told") {
  const std::int64_t code = GENERATE(-1, -2147483648LL, 2147483648LL);
  const Outcome outcome = after_action(returned(code), a_job());
  CHECK(outcome.edit["state"] == "FAILED");
  CHECK(outcome.edit["return-code"] == 1);
  CHECK_THAT(outcome.edit["status-message"].get<std::string>(),
             Catch::Contains(std::to_string(code)));
}

TEST_CASE("an outcome that the API does not take yet is kept, not dropped (rows 14, 15)") {
  CHECK(after_record_edit(reply_of(ReplyKind::Ok)) == RecordVerdict::Recorded);
  CHECK(after_record_edit(reply_of(ReplyKind::Unavailable)) == RecordVerdict::Repeat);
  CHECK(after_record_edit(reply_of(ReplyKind::Unreachable)) == RecordVerdict::Repeat);
  CHECK(after_record_edit(reply_of(ReplyKind::Conflict)) == RecordVerdict::Look);
  CHECK(after_record_edit(reply_of(ReplyKind::PreconditionFailed)) == RecordVerdict::Look);
  CHECK(after_record_edit(reply_of(ReplyKind::NotFound)) == RecordVerdict::Gone);
  CHECK(after_record_edit(reply_of(ReplyKind::Invalid)) == RecordVerdict::Unwritable);
  CHECK(not_recorded("away").fate == EntryFate::ReleaseLater);
}

TEST_CASE("an outcome the API will never take is written plainly") {
  const json refused = json::parse(
      R"({"state": "FAILED", "return-code": 3, "progress": 7, "status-message": "odd"})");
  const json edit = plain_edit(refused, "schema");
  CHECK(edit["state"] == "FAILED");
  CHECK(edit["return-code"] == 3);
  CHECK_FALSE(edit.contains("progress"));
  CHECK_THAT(edit["status-message"].get<std::string>(), Catch::Contains("schema"));
}

TEST_CASE("an action that breaks fails its job with the message (row 16)") {
  using Kind = ActionEnd::Kind;
  const Kind kind = GENERATE(Kind::BrokeOff, Kind::Crashed, Kind::TimedOut);
  const Outcome outcome = after_action(end_of(kind, "it broke"), a_job());
  CHECK(outcome.fate == EntryFate::Consume);
  CHECK(outcome.edit == json::parse(R"({"state": "FAILED", "status-message": "it broke",
                                        "return-code": 1})"));
}

TEST_CASE("in mixed mode a broken action falls back to pull mode (row 17)") {
  const Outcome outcome = after_action(end_of(ActionEnd::Kind::BrokeOff, "no docker"),
                                       a_job(R"({"execution-mode": "mixed"})"));
  CHECK(outcome.fate == EntryFate::Consume);
  CHECK(outcome.result == RunResult::FellBack);
  CHECK(outcome.edit["state"] == "QUEUED");
  CHECK(outcome.edit["execution-mode"] == "pull");
  CHECK(outcome.edit["status-message"] ==
        "Re-running job in pull mode after failed first attempt: no docker");
  CHECK_FALSE(outcome.edit.contains("return-code"));
}

TEST_CASE("in mixed mode a return code that is not 0 is no reason to fall back") {
  const Outcome outcome = after_action(returned(1), a_job(R"({"execution-mode": "mixed"})"));
  CHECK(outcome.edit["state"] == "FAILED");
}

TEST_CASE("a job left RUNNING is consumed and not written (row 18)") {
  const Outcome outcome = after_action(end_of(ActionEnd::Kind::LeftRunning), a_job());
  CHECK(outcome.fate == EntryFate::Consume);
  CHECK(outcome.edit.is_null());
}

TEST_CASE("a job cancelled or deleted under its action is consumed and not written (row 19)") {
  using Kind = ActionEnd::Kind;
  const Kind kind = GENERATE(Kind::Canceled, Kind::JobGone);
  const Outcome outcome = after_action(end_of(kind, "CANCELED"), a_job());
  CHECK(outcome.fate == EntryFate::Consume);
  CHECK(outcome.edit.is_null());
}

TEST_CASE("a drained or lost job is released at once and not written") {
  using Kind = ActionEnd::Kind;
  const Kind kind = GENERATE(Kind::Drained, Kind::LeaseLost);
  const Outcome outcome = after_action(end_of(kind), a_job());
  CHECK(outcome.fate == EntryFate::Release);
  CHECK(outcome.edit.is_null());
}

TEST_CASE("an action whose host cannot be started is tried again later") {
  const Outcome outcome = after_action(end_of(ActionEnd::Kind::NotStarted, "fork"), a_job());
  CHECK(outcome.fate == EntryFate::ReleaseLater);
  CHECK(outcome.edit.is_null());
}

TEST_CASE("garbage in an entry is consumed and shown without control characters") {
  const Outcome outcome = garbage_entry("\x01\xff trash");
  CHECK(outcome.fate == EntryFate::Consume);
  CHECK_THAT(outcome.reason, Catch::Contains("?? trash"));
}
