#include "executor/job_run.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/runtime/backoff.hpp"
#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::executor {

using runtime::Clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr auto last_words_patience = seconds(2);

// The lesser of both, of which either may be none.
ActionLimits limits_of(const Manifest& manifest, ActionLimits limits) {
  const auto none = runtime::Duration::zero();
  const runtime::Duration own = manifest.timeout;
  if (own != none && (limits.timeout == none || own < limits.timeout)) limits.timeout = own;
  limits.idle_timeout = manifest.idle_timeout;
  return limits;
}

}  // namespace

JobRun::JobRun(const RunServices& services, const Hold& hold, RunRequest request)
    : services_(services), hold_(hold), request_(std::move(request)) {}

awaitable<Outcome> JobRun::run() {
  std::optional<Outcome> outcome = co_await fetch();
  if (!outcome) outcome = before_start(*job_, situation());
  if (!outcome && was_running_) outcome = co_await look_for_rival();
  if (!outcome) outcome = kept_outcome();
  if (!outcome && !request_.given_up.empty()) outcome = given_up(request_.given_up);
  if (!outcome && ending_.raised()) {
    ActionEnd drained;
    drained.kind = ActionEnd::Kind::Drained;
    outcome = after_action(drained, *job_);
  }
  if (!outcome && request_.enter_slot) {
    const bool entered = co_await request_.enter_slot();
    if (!entered) outcome = not_begun();
  }
  if (!outcome) outcome = co_await start();
  if (!outcome) {
    const ActionEnd end = co_await perform();
    if (request_.action_over) request_.action_over();
    if (end.kind == ActionEnd::Kind::Drained) co_await write_last_words();
    outcome = after_action(end, *job_, retry_situation());
    if (outcome->fate == EntryFate::Park) outcome = co_await keep_retry(*outcome, end);
  }
  Outcome recorded = co_await record(std::move(*outcome));
  if (recorded.fate == EntryFate::Consume) forget_kept();
  co_return recorded;
}

void JobRun::end_soon() {
  order_.give(ActionEnd::Kind::Drained, "this executor ends");
  ending_.raise();
}

void JobRun::lock_lost(std::string why) {
  order_.give(ActionEnd::Kind::LeaseLost, std::move(why));
}

std::string JobRun::action_name() const {
  return job_ ? job_->action().value_or("") : "";
}

Situation JobRun::situation() const {
  Situation situation;
  const std::string action = action_name();
  situation.action_known = action_ != nullptr;
  if (action_) {
    situation.payload_complaint = complaint_about_payload(*action_, job_->payload());
  } else {
    situation.withheld = services_.catalog.why_withheld(action);
  }
  situation.from_queue = request_.from_queue;
  return situation;
}

void JobRun::adopt(cimi::Reply reply) {
  job_.emplace(std::move(reply.document));
  document_ = std::move(reply.text);
  etag_ = std::move(reply.etag);
  // Once and for all: the catalog may change while the job runs.
  if (!action_) action_ = services_.catalog.find(action_name());
}

// ---- fetch

// The entry may be older than the document: producers of other makes push first and store then.
awaitable<std::optional<Outcome>> JobRun::fetch() {
  const auto deadline = Clock::now() + services_.limits.document_wait;
  runtime::Duration pause = milliseconds(50);
  for (;;) {
    cimi::Reply reply = co_await services_.client.get(request_.job_id);
    JE_CRASH_POINT("executor.fetch.after");
    std::optional<Outcome> outcome = after_fetch(reply);
    if (!outcome) {
      try {
        adopt(std::move(reply));
      } catch (const runtime::Failure& failure) {
        reply.kind = cimi::ReplyKind::Unavailable;
        reply.message = "the API answered no job: " + std::string(failure.what());
        co_return after_fetch(reply);
      }
      was_running_ = job_->state() == job::JobState::Running;
      report_.emplace(*job_);
      co_return std::nullopt;
    }
    const bool patient = outcome->fate == EntryFate::AwaitDocument && Clock::now() < deadline;
    if (!patient || ending_.raised()) co_return outcome;
    co_await ending_.wait_for(pause);
    pause = std::min<runtime::Duration>(pause * 2, seconds(1));
  }
}

// RUNNING before we began: an earlier attempt died, or the job has two entries and the holder of
// the other one is at work.
awaitable<std::optional<Outcome>> JobRun::look_for_rival() {
  std::optional<Outcome> outcome;
  const bool taken = co_await hold_.taken_elsewhere(queue::Rivals::Earlier);
  if (taken) outcome = duplicate_entry();
  co_return outcome;
}

std::optional<Outcome> JobRun::kept_outcome() {
  if (services_.journal == nullptr || !request_.entry) return std::nullopt;
  const KeptOutcome* kept = services_.journal->find(*request_.entry, request_.job_id);
  if (kept == nullptr) return std::nullopt;
  // Taken by somebody else in between, or put back by hand: it is not the last word any more.
  const bool ours_was_last = kept->attempt + 1 == request_.attempt && was_running_;
  if (!ours_was_last) {
    telemetry::warning("an outcome of the journal is overtaken",
                       {{"job", request_.job_id}, {"attempt", kept->attempt}});
    services_.journal->forget(*request_.entry);
    return std::nullopt;
  }
  Outcome outcome;
  outcome.fate = EntryFate::Consume;
  outcome.edit = kept->edit;
  const bool success = kept->edit.value("state", "") == job::text(job::JobState::Success);
  outcome.result = success ? RunResult::Success : RunResult::Failed;
  outcome.reason =
      "kept in the journal since attempt " + std::to_string(kept->attempt) + ": " + kept->reason;
  return outcome;
}

// ---- start

awaitable<std::optional<Outcome>> JobRun::start() {
  runtime::BackoffLimits pacing;
  pacing.longest = seconds(3);
  runtime::Backoff pace(pacing);
  const auto deadline = Clock::now() + services_.limits.start_wait;
  bool maybe_written = false;  // an earlier edit of ours may have been applied
  for (;;) {
    if (!hold_.holds()) co_return lease_lost();
    nlohmann::json edit;
    edit["state"] = job::text(job::JobState::Running);
    cimi::EditOptions options;
    options.if_match = etag_;
    options.wants_document = false;
    JE_CRASH_POINT("executor.start.before");
    cimi::Reply reply =
        co_await services_.client.edit(request_.job_id, std::move(edit), std::move(options));
    JE_CRASH_POINT("executor.start.after");
    StartVerdict verdict = after_start_edit(reply);
    if (verdict.started) {
      etag_ = std::move(reply.etag);
      co_return std::nullopt;
    }
    if (verdict.outcome) co_return verdict.outcome;
    maybe_written = maybe_written || reply.kind == cimi::ReplyKind::Unreachable ||
                    reply.kind == cimi::ReplyKind::Unavailable;
    bool ours = maybe_written;
    std::optional<Outcome> outcome = co_await look_again(reply, ours);
    if (outcome) co_return outcome;
    if (ours) co_return std::nullopt;
    if (Clock::now() >= deadline || ending_.raised()) co_return start_unsettled(reply.message);
    co_await ending_.wait_for(pace.next());
  }
}

// After an edit whose answer settles nothing. `ours`, when it comes in true and stays so: the edit
// was applied.
awaitable<std::optional<Outcome>> JobRun::look_again(const cimi::Reply& after, bool& ours) {
  const bool maybe_ours = std::exchange(ours, false);
  cimi::Reply looked = co_await services_.client.get(request_.job_id);
  if (looked.kind == cimi::ReplyKind::NotFound) {
    Outcome gone = *after_fetch(looked);
    gone.fate = EntryFate::Consume;
    co_return gone;
  }
  if (!looked.ok()) co_return std::nullopt;
  try {
    adopt(std::move(looked));
  } catch (const runtime::Failure&) {
    co_return std::nullopt;
  }
  if (auto outcome = before_start(*job_, situation())) co_return outcome;
  if (job_->state() == job::JobState::Running && !was_running_) {
    if (maybe_ours) {
      const bool taken = co_await hold_.taken_elsewhere(queue::Rivals::All);
      if (taken) co_return perhaps_duplicate();
      ours = true;
      co_return std::nullopt;
    }
    Outcome other = start_unsettled(after.message);
    other.reason = "somebody else has set the job RUNNING";
    other.api_trouble = false;
    co_return other;
  }
  co_return std::nullopt;
}

// ---- perform

awaitable<std::shared_ptr<ActionHost>> JobRun::borrow_host(HostWish wish, std::string& failure) {
  try {
    co_return co_await services_.hosts.borrow(std::move(wish));
  } catch (const runtime::Failure& reason) {
    failure = reason.what();
  }
  co_return nullptr;
}

// Entries of a job that come one after the other count their attempts from 1 each, and pull mode
// counts none.
std::shared_ptr<RunLog> JobRun::open_log() const {
  LoggedRun run;
  run.job_id = request_.job_id;
  run.attempt = request_.attempt;
  run.maybe_continued = job_->document().contains("started");
  return services_.logs.open(std::move(run));
}

awaitable<ActionEnd> JobRun::perform() {
  const CatalogEntry& action = *action_;
  const CancellationWatch::Watched watched(services_.cancellations, request_.job_id, order_);
  ActionEnd end;
  HostWish wish{action.plugin_file, action.manifest.name, action.manifest.isolation};
  std::shared_ptr<ActionHost> host = co_await borrow_host(std::move(wish), end.message);
  if (!host) {
    end.kind = ActionEnd::Kind::NotStarted;
    co_return end;
  }
  // Starting a host takes time, in which the lock may have gone to somebody else.
  if (!hold_.holds()) order_.give(ActionEnd::Kind::LeaseLost, "the lease has run out");
  if (order_.why()) {
    end.kind = *order_.why();
    end.message = order_.message();
    services_.hosts.give_back(std::move(host));
    co_return end;
  }
  RunMessage message;
  message.action = action.manifest.name;
  message.document = document_.empty() ? job_->document().dump() : std::exchange(document_, {});
  message.facts.emplace(RunMessage::Facts{job_->id(), job_->payload(), job_->target()});
  message.attempt = request_.attempt;
  message.resumed = was_running_;
  message.lease = hold_.lease();
  if (request_.attempts != nullptr) message.checkpoint = request_.attempts->record().checkpoint;
  const ActionLimits limits = limits_of(action.manifest, services_.limits.action);
  const std::shared_ptr<RunLog> log = open_log();
  const RunningAction::Surroundings surroundings{
      services_.loop, services_.client, services_.background, limits, request_.attempts, *log};
  RunningAction running(surroundings, hold_, request_.job_id, *report_, order_, etag_, host);
  JE_CRASH_POINT("executor.action.before");
  end = co_await running.run(std::move(message));
  JE_CRASH_POINT("executor.action.after");
  output_ = log->tail();
  services_.hosts.give_back(std::move(host));
  co_return end;
}

// ---- retry

RetrySituation JobRun::retry_situation() const {
  RetrySituation situation;
  situation.policy = action_->manifest.retry;
  if (request_.attempts == nullptr) return situation;
  situation.possible = true;
  situation.done = request_.attempts->record().retries;
  constexpr double seeds = 18446744073709551616.0;  // 2^64
  situation.chance = static_cast<double>(runtime::fresh_seed()) / seeds;
  return situation;
}

// Before the job says so: whoever has it next, counts it and waits.
awaitable<Outcome> JobRun::keep_retry(Outcome retry, ActionEnd end) {
  queue::AttemptRecord record = request_.attempts->record();
  const auto now = std::chrono::system_clock::now();
  record.retries = retry.retries;
  record.not_before = now + retry.retry_delay;
  queue::AttemptNote note;
  note.attempt = request_.attempt;
  note.ended = now;
  note.how = end.message;
  record.note(std::move(note));
  JE_CRASH_POINT("executor.retry.before");
  const std::string why = co_await request_.attempts->keep(std::move(record));
  JE_CRASH_POINT("executor.retry.kept");
  if (why.empty()) co_return retry;
  if (!hold_.holds()) co_return lease_lost();
  co_return retry_not_kept(end, *job_, why);
}

// ---- record

nlohmann::json JobRun::final_edit(const Outcome& outcome) {
  nlohmann::json edit = report_ ? report_->take() : nlohmann::json::object();
  if (outcome.edit.is_null()) return edit;
  edit.update(outcome.edit);
  const auto state = job::parse_job_state(edit.value("state", ""));
  if (state && job::is_final(*state) && !output_.empty()) edit["output"] = output_;
  return edit;
}

awaitable<void> JobRun::keep_outcome(const Outcome& outcome, nlohmann::json edit) {
  if (services_.journal == nullptr || !request_.entry) co_return;
  const auto state = job::parse_job_state(edit.value("state", ""));
  if (!state || !job::is_final(*state)) co_return;
  KeptOutcome kept;
  kept.entry = *request_.entry;
  kept.job_id = request_.job_id;
  kept.attempt = request_.attempt;
  kept.ended = std::chrono::system_clock::now();
  kept.edit = std::move(edit);
  kept.reason = outcome.reason;
  JE_CRASH_POINT("executor.journal.before");
  co_await services_.journal->keep(std::move(kept));
  JE_CRASH_POINT("executor.journal.kept");
}

// Of an action whose job goes back to the queue as it is. Once, and not for long: a drain waits.
awaitable<void> JobRun::write_last_words() {
  if (report_->empty() || !hold_.holds()) co_return;
  cimi::EditOptions options;
  options.if_match = etag_;
  options.deadline = Clock::now() + last_words_patience;
  options.wants_document = false;
  nlohmann::json edit = report_->take();
  const cimi::Reply reply =
      co_await services_.client.edit(request_.job_id, std::move(edit), std::move(options));
  if (reply.ok()) co_return;
  telemetry::warning("what a drained action said last is not written",
                     {{"job", request_.job_id}, {"error", reply.message}});
}

void JobRun::forget_kept() {
  if (services_.journal != nullptr && request_.entry) services_.journal->forget(*request_.entry);
}

// Keeps the outcome while the API is away and the job is ours.
awaitable<Outcome> JobRun::record(Outcome outcome) {
  const bool last_words = outcome.result == RunResult::LeftRunning && !report_->empty();
  if (outcome.edit.is_null() && !last_words) co_return outcome;
  nlohmann::json edit = final_edit(outcome);

  runtime::BackoffLimits pacing;
  pacing.longest = seconds(10);
  runtime::Backoff pace(pacing);
  bool plain = false;
  bool kept = false;  // in the journal, as far as it is for it
  bool maybe_written = false;
  unsigned refusals = 0;
  constexpr unsigned most_refusals = 5;
  for (;;) {
    if (!hold_.holds()) {
      if (!kept) co_await keep_outcome(outcome, edit);
      co_return lease_lost();
    }
    // Once back in the queue the job may be an edge's: never write that twice without looking.
    if (maybe_written && outcome.result == RunResult::FellBack) {
      const cimi::Reply looked = co_await services_.client.get(request_.job_id);
      if (looked.ok() && looked.document.value("execution-mode", "") == "pull") co_return outcome;
      if (!looked.ok()) {
        if (ending_.raised()) co_return not_recorded(looked.message);
        co_await ending_.wait_for(pace.next());
        continue;
      }
    }
    nlohmann::json sent = edit;
    // A late edit of a run that has lost its lock meets the next run's changes, not its own.
    cimi::EditOptions options;
    options.if_match = etag_;
    options.wants_document = false;
    JE_CRASH_POINT("executor.record.before");
    const cimi::Reply reply =
        co_await services_.client.edit(request_.job_id, std::move(sent), std::move(options));
    JE_CRASH_POINT("executor.record.after");
    switch (after_record_edit(reply)) {
      case RecordVerdict::Recorded:
        co_return outcome;
      case RecordVerdict::Look: {
        bool go_on = false;
        Outcome settled = co_await settle_conflict(outcome, reply, maybe_written, go_on);
        if (!go_on) co_return settled;
        continue;
      }
      case RecordVerdict::Gone: {
        Outcome gone = *after_fetch(reply);
        gone.fate = EntryFate::Consume;
        co_return gone;
      }
      case RecordVerdict::Unwritable:
        if (std::exchange(plain, true)) {
          // The API is there: no reason for others to wait, nor to run this one again soon.
          Outcome unwritable = not_recorded(reply.message);
          unwritable.api_trouble = false;
          co_return unwritable;
        }
        edit = plain_edit(edit, reply.message);
        continue;
      case RecordVerdict::Repeat:
        break;
    }
    const bool refused = reply.kind == cimi::ReplyKind::Refused;
    if (!refused) maybe_written = true;
    if (refused && ++refusals >= most_refusals) co_return not_recorded(reply.message);
    // Under this attempt's number also when it is an earlier one's: this is the last take.
    if (!std::exchange(kept, true)) co_await keep_outcome(outcome, edit);
    if (ending_.raised()) co_return not_recorded(reply.message);
    telemetry::warning("an outcome is kept until the API takes it",
                       {{"job", request_.job_id}, {"error", reply.message}});
    co_await ending_.wait_for(pace.next());
  }
}

// The API refuses an edit in the job's present state. When the first answer to our edit was lost,
// what is final now is our own doing. `go_on`: the job was only changed by somebody, and is ours
// to write if the lock still is.
awaitable<Outcome> JobRun::settle_conflict(Outcome wanted, cimi::Reply refusal, bool maybe_ours,
                                           bool& go_on) {
  cimi::Reply looked = co_await services_.client.get(request_.job_id);
  if (looked.kind == cimi::ReplyKind::NotFound) {
    Outcome gone = *after_fetch(looked);
    gone.fate = EntryFate::Consume;
    co_return gone;
  }
  if (!looked.ok()) co_return not_recorded(refusal.message);
  const auto state = looked.document.find("state");
  const std::string text =
      state != looked.document.end() && state->is_string() ? state->get<std::string>() : "";
  const auto known = job::parse_job_state(text);
  if (known && job::is_final(*known)) {
    const bool same = wanted.edit.is_object() && wanted.edit.value("state", "") == text;
    if (maybe_ours && same) co_return wanted;
    co_return already_final(text);
  }
  go_on = refusal.kind == cimi::ReplyKind::PreconditionFailed && looked.etag != etag_;
  etag_ = std::move(looked.etag);
  co_return not_recorded(refusal.message);
}

}  // namespace jobengine::executor
