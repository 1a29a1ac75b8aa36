#include "executor/run_outcome.hpp"

#include <limits>
#include <utility>

#include "common/job/job_state.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

using cimi::ReplyKind;
using nlohmann::json;

Outcome outcome(RunResult result, EntryFate fate, std::string reason) {
  Outcome made;
  made.result = result;
  made.fate = fate;
  made.reason = std::move(reason);
  return made;
}

Outcome api_away(std::string reason) {
  Outcome made = outcome(RunResult::NotRun, EntryFate::ReleaseLater, std::move(reason));
  made.api_trouble = true;
  return made;
}

Outcome failed(const std::string& message, std::optional<std::int64_t> return_code) {
  Outcome made = outcome(RunResult::Failed, EntryFate::Consume, message);
  made.edit["state"] = job::text(job::JobState::Failed);
  if (!message.empty()) made.edit["status-message"] = message;
  if (return_code) made.edit["return-code"] = *return_code;
  return made;
}

Outcome succeeded(const std::string& message) {
  Outcome made = outcome(RunResult::Success, EntryFate::Consume, "the action returned 0");
  made.edit["state"] = job::text(job::JobState::Success);
  if (!message.empty()) made.edit["status-message"] = message;
  made.edit["return-code"] = 0;
  return made;
}

// Rows 16 and 17: the attempt broke.
Outcome broken(const std::string& message, const job::Job& job) {
  const std::string text = message.empty() ? "The action failed without a message" : message;
  if (job.execution_mode() != job::ExecutionMode::Mixed) return failed(text, 1);
  Outcome made = outcome(RunResult::FellBack, EntryFate::Consume, text);
  made.edit["state"] = job::text(job::JobState::Queued);
  made.edit["status-message"] = "Re-running job in pull mode after failed first attempt: " + text;
  made.edit["execution-mode"] = job::text(job::ExecutionMode::Pull);
  return made;
}

Outcome skipped(const std::string& message) {
  Outcome made = succeeded(message.empty() ? "Skipped" : "Skipped: " + message);
  made.reason = "the action had nothing to do";
  return made;
}

// Rows 12 and 13. The API takes return codes from 0 to what fits an int.
Outcome returned(const ActionEnd& end) {
  if (end.return_code == 0) return succeeded(end.message);
  const bool valid =
      end.return_code > 0 && end.return_code <= std::numeric_limits<std::int32_t>::max();
  if (valid) {
    Outcome made = failed(end.message, end.return_code);
    made.reason = "the action returned " + std::to_string(end.return_code);
    return made;
  }
  std::string message = "The action returned " + std::to_string(end.return_code) +
                        ", which is no valid return code; recorded as 1";
  if (!end.message.empty()) message = end.message + "\n" + message;
  return failed(message, 1);
}

Outcome ended_badly(const ActionEnd& end, const job::Job& job) {
  if (end.kind == ActionEnd::Kind::Returned) return returned(end);
  return broken(end.message, job);
}

// ---- retries

bool wants_retry(const ActionEnd& end, const RetryPolicy& policy) {
  using Kind = ActionEnd::Kind;
  if (end.kind == Kind::RetryLater) return true;
  if (end.kind == Kind::Crashed) return policy.on_crash;
  if (end.kind == Kind::TimedOut) return policy.on_timeout;
  const bool failure =
      end.kind == Kind::BrokeOff || (end.kind == Kind::Returned && end.return_code != 0);
  return failure && policy.on_failure;
}

std::string what_happened(const ActionEnd& end) {
  if (!end.message.empty()) return end.message;
  if (end.kind == ActionEnd::Kind::RetryLater) return "the action asked to be run again later";
  if (end.kind == ActionEnd::Kind::Returned) {
    return "the action returned " + std::to_string(end.return_code);
  }
  return "the action failed without a message";
}

Outcome retried(const ActionEnd& end, const RetrySituation& retry) {
  const auto delay = retry_delay(retry, end.retry_delay);
  const std::int32_t number = retry.done + 1;
  const std::string message = "Retry " + std::to_string(number) + " of " +
                              std::to_string(retry.policy.limit) + " in " + delay_text(delay) +
                              ": " + what_happened(end);
  Outcome made = outcome(RunResult::Retried, EntryFate::Park, message);
  made.edit["state"] = job::text(job::JobState::Queued);
  made.edit["status-message"] = message;
  made.retries = number;
  made.retry_delay = delay;
  return made;
}

Outcome given_up(ActionEnd end, const job::Job& job, const RetrySituation& retry) {
  const std::int32_t tries = retry.done + 1;
  const std::string counted = tries == 1 ? "1 try" : std::to_string(tries) + " tries";
  end.message = "Gave up after " + counted + ": " + what_happened(end);
  return ended_badly(end, job);
}

}  // namespace

std::string_view text(RunResult result) {
  switch (result) {
    case RunResult::Success:
      return "success";
    case RunResult::Failed:
      return "failed";
    case RunResult::Retried:
      return "retried";
    case RunResult::LeftRunning:
      return "left_running";
    case RunResult::FellBack:
      return "fell_back_to_pull";
    case RunResult::AlreadyFinal:
      return "already_final";
    case RunResult::NoJob:
      return "no_job";
    case RunResult::NotOurs:
      return "pull_mode";
    case RunResult::Duplicate:
      return "duplicate_entry";
    case RunResult::GivenUp:
      return "given_up";
    case RunResult::NotRun:
      return "released";
  }
  JE_CHECK(false, "a known result");
}

Outcome garbage_entry(std::string_view data) {
  constexpr std::size_t most_shown = 80;
  std::string shown(data.substr(0, most_shown));
  for (char& c : shown) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  }
  return outcome(RunResult::NoJob, EntryFate::Consume,
                 "the entry holds no job id but \"" + shown + "\"");
}

std::optional<Outcome> after_fetch(const cimi::Reply& reply) {
  switch (reply.kind) {
    case ReplyKind::Ok:
      return std::nullopt;
    case ReplyKind::NotFound:
      return outcome(RunResult::NoJob, EntryFate::AwaitDocument, reply.message);
    case ReplyKind::Refused:
    case ReplyKind::Unavailable:
    case ReplyKind::Unreachable:
    case ReplyKind::Conflict:
    case ReplyKind::PreconditionFailed:
      return api_away(reply.message);
    case ReplyKind::Invalid:
      return outcome(RunResult::NotRun, EntryFate::ReleaseLater, reply.message);
  }
  JE_CHECK(false, "a known kind of reply");
}

std::optional<Outcome> before_start(const job::Job& job, Situation situation) {
  const auto state = job.state();
  if (state && job::is_final(*state)) return already_final(std::string(job::text(*state)));
  const std::string version = std::to_string(job.version());
  if (job.version() > job::supported_version) {
    return outcome(RunResult::NotRun, EntryFate::ReleaseLater,
                   "job v" + version + " is for a newer engine");
  }
  if (job.version() < job::supported_version) {
    return failed("Job v" + version + " is not supported by Job engine v" + JE_VERSION,
                  std::nullopt);
  }
  if (situation.from_queue && job.execution_mode() == job::ExecutionMode::Pull) {
    return outcome(RunResult::NotOurs, EntryFate::Consume, "the job is left to who pulls it");
  }
  const auto action = job.action();
  if (!action) return failed("The job has no action", std::nullopt);
  if (const std::string payload = job.payload(); !payload.empty() && !json::accept(payload)) {
    return failed("The payload of the job is not JSON", std::nullopt);
  }
  if (!situation.action_known && !situation.withheld.empty()) {
    return outcome(RunResult::NotRun, EntryFate::ReleaseLater, *action + " " + situation.withheld);
  }
  if (!situation.action_known) {
    return failed("Not implemented action " + job.id() + ": " + *action, std::nullopt);
  }
  if (!situation.payload_complaint.empty()) {
    return failed("payload " + situation.payload_complaint, 1);
  }
  return std::nullopt;
}

StartVerdict after_start_edit(const cimi::Reply& reply) {
  StartVerdict verdict;
  switch (reply.kind) {
    case ReplyKind::Ok:
      verdict.started = true;
      return verdict;
    case ReplyKind::Conflict:
    case ReplyKind::PreconditionFailed:
    case ReplyKind::Unavailable:
    case ReplyKind::Unreachable:
      verdict.look = true;
      return verdict;
    case ReplyKind::NotFound:
      verdict.outcome = outcome(RunResult::NoJob, EntryFate::Consume, reply.message);
      return verdict;
    case ReplyKind::Refused:
    case ReplyKind::Invalid:
      verdict.outcome = outcome(RunResult::NotRun, EntryFate::ReleaseLater, reply.message);
      return verdict;
  }
  JE_CHECK(false, "a known kind of reply");
}

Outcome start_unsettled(const std::string& message) {
  return api_away("it is not clear whether the job was set RUNNING: " + message);
}

Outcome after_action(const ActionEnd& end, const job::Job& job, const RetrySituation& retry) {
  using Kind = ActionEnd::Kind;
  const bool wanted = wants_retry(end, retry.policy);
  if (wanted && retry.possible && retry.done < retry.policy.limit) return retried(end, retry);
  if (wanted && retry.possible) return given_up(end, job, retry);
  switch (end.kind) {
    case Kind::Returned:
    case Kind::BrokeOff:
    case Kind::Crashed:
    case Kind::TimedOut:
      return ended_badly(end, job);
    case Kind::RetryLater: {
      ActionEnd alone = end;
      alone.message = what_happened(end) + " (pull mode has no queue to wait in)";
      return ended_badly(alone, job);
    }
    case Kind::Skipped:
      return skipped(end.message);
    case Kind::LeftRunning:
      return outcome(RunResult::LeftRunning, EntryFate::Consume, "the action left it running");
    case Kind::Canceled:
      return outcome(RunResult::AlreadyFinal, EntryFate::Consume, end.message);
    case Kind::JobGone:
      return outcome(RunResult::NoJob, EntryFate::Consume, end.message);
    case Kind::Drained:
      return outcome(RunResult::NotRun, EntryFate::Release, "this executor ends");
    case Kind::LeaseLost:
      return lease_lost();
    case Kind::NotStarted:
      return outcome(RunResult::NotRun, EntryFate::ReleaseLater, end.message);
  }
  JE_CHECK(false, "a known end of an action");
}

Outcome retry_not_kept(const ActionEnd& end, const job::Job& job, const std::string& why) {
  ActionEnd counted_by_nobody = end;
  counted_by_nobody.message =
      what_happened(end) + "\nIt is not retried, as that could not be noted: " + why;
  return ended_badly(counted_by_nobody, job);
}

RecordVerdict after_record_edit(const cimi::Reply& reply) {
  switch (reply.kind) {
    case ReplyKind::Ok:
      return RecordVerdict::Recorded;
    case ReplyKind::Conflict:
    case ReplyKind::PreconditionFailed:
      return RecordVerdict::Look;
    case ReplyKind::NotFound:
      return RecordVerdict::Gone;
    case ReplyKind::Invalid:
      return RecordVerdict::Unwritable;
    case ReplyKind::Refused:
    case ReplyKind::Unavailable:
    case ReplyKind::Unreachable:
      return RecordVerdict::Repeat;
  }
  JE_CHECK(false, "a known kind of reply");
}

json plain_edit(const json& refused, const std::string& complaint) {
  json edit;
  for (const char* kept : {"state", "return-code", "execution-mode"}) {
    if (refused.contains(kept)) edit[kept] = refused[kept];
  }
  edit["status-message"] = "The outcome could not be recorded in full: " + complaint;
  return edit;
}

Outcome already_final(const std::string& state) {
  return outcome(RunResult::AlreadyFinal, EntryFate::Consume, "the job is " + state + " already");
}

Outcome not_recorded(const std::string& message) {
  return api_away("the outcome could not be recorded: " + message);
}

Outcome duplicate_entry() {
  return outcome(RunResult::Duplicate, EntryFate::Consume,
                 "somebody is at work on the job by way of another entry");
}

Outcome perhaps_duplicate() {
  return outcome(RunResult::NotRun, EntryFate::ReleaseLater,
                 "the job has another entry in somebody's hands, who may have set it RUNNING");
}

Outcome given_up(const std::string& history) {
  Outcome made = failed(history, 1);
  made.result = RunResult::GivenUp;
  return made;
}

Outcome lease_lost() {
  Outcome made = outcome(RunResult::NotRun, EntryFate::Release, "the entry is not ours any more");
  made.unclean = true;
  return made;
}

Outcome not_begun() {
  Outcome made = outcome(RunResult::NotRun, EntryFate::Release, "no slot was free for it in time");
  made.not_begun = true;
  return made;
}

}  // namespace jobengine::executor
