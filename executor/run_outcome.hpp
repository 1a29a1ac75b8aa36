// The table of what follows from what: every way a run can go, what is written into the job and
// what becomes of its queue entry. Pure. Rows: spec "Every branch of processing one job id"; where
// the Python engine loses jobs or spins, this table does not (executor/README.md lists where).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/cimi/client.hpp"
#include "common/job/job.hpp"
#include "executor/retry_plan.hpp"

namespace jobengine::executor {

enum class EntryFate {
  Consume,
  Release,        // its next taker may have it at once
  ReleaseLater,   // not for us for a while, growing with each time
  Park,           // kept without a slot until the record's not-before, then released
  AwaitDocument,  // the job is not there (yet): look again for some seconds, then consume
};

// For metrics and the exit code of pull mode.
enum class RunResult {
  Success,
  Failed,
  Retried,       // back to QUEUED, to be run again after a delay
  LeftRunning,   // a monitor job will finish it
  FellBack,      // mixed mode: back to QUEUED, in pull mode
  AlreadyFinal,  // somebody else brought it to its end, a cancel mostly
  NoJob,         // there is none of that id, or the entry is no job's
  NotOurs,       // in the hands of an edge that pulls
  Duplicate,     // another entry of the job is in somebody's hands
  GivenUp,       // too many of its attempts have died: recorded as FAILED
  NotRun,        // not run, or not recorded: left for the next try
};
std::string_view text(RunResult result);

struct Outcome {
  RunResult result = RunResult::NotRun;
  EntryFate fate = EntryFate::ReleaseLater;
  nlohmann::json edit;  // null: nothing is written; else it must be recorded for `fate` to hold
  std::string reason;   // for the log
  bool api_trouble = false;  // the API is away: taking pauses
  bool unclean = false;      // the attempt counts as one that has died
  bool not_begun = false;    // it was taken ahead of a slot, and no slot came
  // With Park: what the attempt record has to say before anything else is written.
  std::int32_t retries = 0;
  std::chrono::milliseconds retry_delay{0};
};

// ---- before the action. Nothing: go on.

// Bytes of an entry that are no job id.
Outcome garbage_entry(std::string_view data);
// The answer to GET job, when there is no document to go on with.
std::optional<Outcome> after_fetch(const cimi::Reply& reply);

struct Situation {
  bool action_known = false;
  bool from_queue = true;         // false: pull mode, --job-id
  std::string withheld;           // why the action, though known, is not offered here; empty: it is
  std::string payload_complaint;  // what is wrong with the payload; empty: nothing
};
std::optional<Outcome> before_start(const job::Job& job, Situation situation);

// The answer to PUT state=RUNNING. `look`: nothing is decided, get the job and judge anew.
struct StartVerdict {
  bool started = false;
  bool look = false;
  std::optional<Outcome> outcome;
};
StartVerdict after_start_edit(const cimi::Reply& reply);
// Looking did not settle it in the time there was.
Outcome start_unsettled(const std::string& message);

// ---- after the action

struct ActionEnd {
  enum class Kind {
    Returned,
    BrokeOff,     // the action says that it failed, with a message
    LeftRunning,  // the action says that somebody else finishes the job
    RetryLater,   // the action wants to be run again, not before `retry_delay`
    Skipped,      // the action says that there was nothing to do
    Crashed,      // its host ended
    TimedOut,     // stopped by us
    Canceled,     // stopped because the job is final
    JobGone,      // stopped because the job was deleted
    Drained,      // stopped because this executor ends
    LeaseLost,    // stopped because the entry is not ours any more
    NotStarted,   // no host could be started
  };
  Kind kind = Kind::Returned;
  std::int64_t return_code = 0;
  std::string message;
  std::chrono::milliseconds retry_delay{0};
};

Outcome after_action(const ActionEnd& end, const job::Job& job,
                     const RetrySituation& retry = RetrySituation());
// The retry could not be kept in the attempt record: nobody would count it.
Outcome retry_not_kept(const ActionEnd& end, const job::Job& job, const std::string& why);

// The answer to the edit that records an outcome.
enum class RecordVerdict {
  Recorded,
  Repeat,     // the API is away; keep and try again
  Look,       // refused in the job's present state: consume if that is final
  Gone,       // the job was deleted
  Unwritable  // the API will never accept this edit
};
RecordVerdict after_record_edit(const cimi::Reply& reply);
// What is written when the API accepts `refused` not: the state, and why there is no more.
nlohmann::json plain_edit(const nlohmann::json& refused, const std::string& complaint);

Outcome already_final(const std::string& state);
// Somebody else works on the job, by way of another entry.
Outcome duplicate_entry();
// The same, but it is not known who of both.
Outcome perhaps_duplicate();
// `history`: what is known of the attempts.
Outcome given_up(const std::string& history);
Outcome not_recorded(const std::string& message);
Outcome lease_lost();
// Taken ahead of a free slot, and given back.
Outcome not_begun();

}  // namespace jobengine::executor
