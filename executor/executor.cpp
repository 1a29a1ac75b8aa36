#include "executor/executor.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"
#include "executor/attempt_history.hpp"
#include "executor/entry_hold.hpp"

namespace jobengine::executor {

namespace {

using runtime::Clock;
using WallClock = std::chrono::system_clock;

// After the graces of stopped actions, for what is left to be recorded or released.
constexpr auto last_steps = std::chrono::seconds(8);

// A run that lasts so long has its lock watched from then on.
constexpr auto lock_watch_interval = std::chrono::seconds(2);

// Of what was taken ahead; much longer than its turn takes as long as jobs are as short as they
// were.
constexpr auto ahead_patience = std::chrono::milliseconds(200);

// How often an entry is looked at whose outcome is in the journal and whose lock somebody has.
constexpr auto kept_entry_look = std::chrono::seconds(2);

// For what is left of the logs of jobs, once nobody's job waits for this executor.
constexpr auto last_logs = std::chrono::seconds(5);

HostPoolLimits pool_limits(const ExecutorOptions& options) {
  HostPoolLimits limits;
  limits.most_idle = options.slots;
  limits.shared_actions = options.shared_actions;
  return limits;
}

std::string_view text(EntryFate fate) {
  switch (fate) {
    case EntryFate::Consume:
      return "consume";
    case EntryFate::Release:
      return "release";
    case EntryFate::ReleaseLater:
      return "release with a back-off";
    case EntryFate::Park:
      return "park";
    case EntryFate::AwaitDocument:
      return "await the job";
  }
  JE_CHECK(false, "a known fate");
}

void log_end(const queue::TakenEntry& entry, const Outcome& outcome, const std::string& action,
             runtime::Duration time) {
  const bool smooth = outcome.fate == EntryFate::Park || outcome.not_begun ||
                      (outcome.fate == EntryFate::Consume && outcome.result != RunResult::NoJob);
  const auto level = smooth ? telemetry::Level::Info : telemetry::Level::Warning;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  constexpr std::size_t most_shown = 500;
  telemetry::log(level, "job ended",
                 {{"job", entry.data().substr(0, most_shown)},
                  {"action", action},
                  {"result", executor::text(outcome.result)},
                  {"entry", entry.name().text()},
                  {"attempt", entry.attempt()},
                  {"fate", text(outcome.fate)},
                  {"ms", ms},
                  {"reason", outcome.reason.substr(0, most_shown)}});
}

}  // namespace

Executor::Executor(asio::io_context& loop, zookeeper::Session& session, queue::LockingQueue& queue,
                   WatchedClient& client, const Catalog& catalog, ExecutorMetrics& metrics,
                   OutcomeJournal* journal, ExecutorOptions options)
    : session_(session),
      queue_(queue),
      client_(client),
      metrics_(metrics),
      options_(std::move(options)),
      cancellations_(client),
      hosts_(loop, options_.host_command, pool_limits(options_)),
      background_(loop.get_executor()),
      logs_(client, background_, metrics.registry(), options_.logs),
      services_{loop,        client,          catalog, hosts_, cancellations_,
                background_, options_.limits, logs_,   journal},
      slots_(loop.get_executor()),
      gate_(options_.slots),
      pace_(options_.slots),
      finishing_(options_.slots + options_.further_finishing),
      handback_(session, queue, client, background_, draining_,
                {options_.most_parked, options_.missing_document_limit, options_.logs.executor}) {
  hosts_.on_stuck([this](std::size_t count) { metrics_.stuck_actions(count); });
  subscription_ = session.subscribe([this](zookeeper::SessionState state, zookeeper::Epoch) {
    if (state != zookeeper::SessionState::Expired) return;
    for (const auto& [run, held] : runs_) run->lock_lost("the session of the lock is over");
  });
  client_.on_change = [this] {
    if (client_.reachable()) {
      finishing_.look_again();
    } else if (finishing_.count() > 0) {
      not_now_.raise();
      only_now_.raise();
    }
  };
}

Executor::~Executor() {
  client_.on_change = nullptr;
}

awaitable<void> Executor::run(runtime::StopSignal& stop) {
  background_.spawn(cancellations_.run(idle_));
  background_.spawn(watch_api(client_, idle_));
  background_.spawn(watch_locks());
  deliver_kept_outcomes();
  follow_pace();
  co_await stop.requested().wait();
  co_await drain(stop);
}

awaitable<void> Executor::drain(runtime::StopSignal& stop) {
  telemetry::info("draining: no more jobs are taken", {{"running", runs_.size()}});
  draining_.raise();
  not_now_.raise();
  only_now_.raise();
  const auto deadline = Clock::now() + options_.drain_timeout;
  co_await runtime::Event::wait_either(idle_, stop.at_once(), deadline);
  if (!idle_.raised()) {
    telemetry::info("draining: running actions are stopped", {{"running", runs_.size()}});
    stopping_ = true;
    for (const auto& [run, held] : runs_) run->end_soon();
    const ActionLimits& limits = options_.limits.action;
    co_await idle_.wait_for(limits.stop_grace + limits.kill_grace + last_steps);
  }
  // A lock must outlive its action. The session is not closed, then: it ends after the process.
  if (hosts_.busy_threads() > 0) {
    end_executor("it drains, and a shared action ignores the stop request");
  }
  // Entries waiting for their document or their retry are released by now, or go with the session.
  constexpr auto moment = std::chrono::seconds(1);
  const auto releases_until = Clock::now() + moment;
  while (handback_.waiting() > 0 && Clock::now() < releases_until) {
    co_await stop.at_once().wait_for(std::chrono::milliseconds(10));
    if (stop.at_once().raised()) break;
  }
  co_await hosts_.close();
  co_await session_.close();
  co_await slots_.join();
  logs_.end_within(last_logs);
  co_await background_.join();
  co_await hosts_.close();
}

void Executor::follow_catalog() {
  hosts_.offer_only(services_.catalog.plugin_files());
  metrics_.idle_hosts(hosts_.idle());
}

std::string Executor::not_ready_because() const {
  if (draining_.raised()) return "draining";
  if (session_.state() != zookeeper::SessionState::Connected) return "not connected to ZooKeeper";
  if (!client_.reachable()) return "the API does not answer";
  if (!queue_.trouble().empty()) return queue_.trouble();
  if (hosts_.stuck() >= options_.slots)
    return "every slot has a shared action that ignores its stop";
  return {};
}

// ---- one lane

awaitable<void> Executor::serve_lane() {
  Lane lane;
  while (!lane.finishing && !draining_.raised() && !is_surplus()) {
    co_await pause_.over(draining_);
    co_await await_outcomes();
    lane.seeks = true;
    ++seeking_;
    std::optional<queue::TakenEntry> taken = co_await take_next();
    if (taken) co_await work_on(std::move(*taken), &lane);
    stop_seeking(lane);
  }
  if (lane.finishing) {
    finishing_.end();
    metrics_.finishing_jobs(finishing_.count());
  } else {
    --lanes_;
  }
  end_of_work();
}

awaitable<std::optional<queue::TakenEntry>> Executor::take_next() {
  const bool ahead = lanes_ > options_.slots && seeking_ > gate_.free();
  runtime::Event& given_up = ahead ? only_now_ : not_now_;
  std::optional<queue::TakenEntry> taken = co_await queue_.take(given_up);
  if (!taken || !EntryHandback::not_before(*taken)) co_return taken;
  // An orderly end of this attempt, whatever happens while it waits.
  queue::TakenEntry entry = std::move(*taken);
  queue::AttemptRecord record = handback_.with_end(entry, "waits for its retry");
  co_await EntryAttempts(queue_, entry, options_.logs.executor).keep(std::move(record));
  Outcome early;
  early.fate = EntryFate::Park;
  co_await handback_.finish(std::move(entry), std::move(early));
  co_return std::nullopt;
}

// ---- slots, and what is taken ahead of them

void Executor::spawn_lanes() {
  while (lanes_ < options_.slots + pace_.ahead() && !draining_.raised()) {
    ++lanes_;
    ++under_way_;
    slots_.spawn(serve_lane());
  }
}

bool Executor::is_surplus() const {
  return lanes_ > options_.slots + pace_.ahead();
}

void Executor::follow_pace() {
  if (pace_.ahead() == 0) {
    only_now_.raise();
  } else if (!not_now_.raised()) {
    only_now_.reset();
  }
  spawn_lanes();
}

awaitable<bool> Executor::enter_slot(Lane& lane) {
  metrics_.jobs_ahead(gate_.waiting() + (gate_.free() == 0 ? 1 : 0));
  const bool entered = co_await gate_.enter(draining_, ahead_patience);
  metrics_.jobs_ahead(gate_.waiting());
  stop_seeking(lane);
  if (entered) {
    lane.has_slot = true;
    lane.entered = Clock::now();
    metrics_.run_started();
  } else if (!draining_.raised()) {
    pace_.kept_waiting();
    follow_pace();
  }
  co_return entered;
}

void Executor::leave_slot(Lane& lane) {
  if (!std::exchange(lane.has_slot, false)) return;
  gate_.leave();
  metrics_.run_left();
}

void Executor::stop_seeking(Lane& lane) {
  if (std::exchange(lane.seeks, false)) --seeking_;
}

// An API that is away is asked for what it owes to outcomes before more is begun.
awaitable<void> Executor::await_outcomes() {
  while (!draining_.raised() && finishing_.count() > 0 && !client_.reachable()) {
    co_await finishing_.changes(draining_);
  }
  if (draining_.raised()) co_return;
  not_now_.reset();
  if (pace_.ahead() > 0) only_now_.reset();
}

// The action is over: whoever waits for the slot has it, and another lane takes the place of this
// one, which sees to the outcome of its run.
void Executor::pass_on_slot(Lane& lane) {
  pace_.slot_left(Clock::now() - lane.entered);
  if (finishing_.begin()) {
    metrics_.finishing_jobs(finishing_.count());
    // It may have gone while no outcome waited for it.
    if (!client_.reachable()) {
      not_now_.raise();
      only_now_.raise();
    }
    lane.finishing = true;
    --lanes_;
    leave_slot(lane);
  }
  follow_pace();
}

void Executor::end_of_work() {
  if (--under_way_ == 0) idle_.raise();
}

awaitable<void> Executor::work_on(queue::TakenEntry entry, Lane* lane) {
  const auto started = Clock::now();
  if (!entry.record_complaint().empty()) {
    telemetry::warning("the attempt record of an entry is no use and counts as none",
                       {{"entry", entry.name().text()}, {"error", entry.record_complaint()}});
  }
  std::string action;
  Outcome outcome = co_await run_entry(entry, lane, action);
  if (lane != nullptr) leave_slot(*lane);
  if (outcome.api_trouble) {
    pause_.trouble();
  } else if (outcome.fate == EntryFate::Consume && !action.empty()) {
    pause_.all_well();
  }
  const auto time = Clock::now() - started;
  log_end(entry, outcome, action, time);
  metrics_.run_ended(outcome.result, time);
  metrics_.idle_hosts(hosts_.idle());
  co_await handback_.finish(std::move(entry), std::move(outcome));
}

awaitable<Outcome> Executor::run_entry(const queue::TakenEntry& entry, Lane* lane,
                                       std::string& action) {
  if (!job::is_job_id(entry.data())) co_return garbage_entry(entry.data());
  const EntryHold hold(queue_, session_, entry);
  EntryAttempts attempts(queue_, entry, options_.logs.executor);
  RunRequest request;
  request.job_id = entry.data();
  request.attempt = entry.attempt();
  request.attempts = &attempts;
  request.entry = entry.name();
  request.given_up = why_given_up(entry);
  if (lane != nullptr) {
    request.enter_slot = [this, lane] { return enter_slot(*lane); };
    request.action_over = [this, lane] { pass_on_slot(*lane); };
  }
  if (entry.attempt() > 1) {
    const bool ours = co_await note_begin(attempts, entry.attempt());
    if (!ours) co_return lease_lost();
  }
  JobRun run(services_, hold, std::move(request));
  Outcome outcome = co_await run_job(run, entry);
  action = run.action_name();
  co_return outcome;
}

// A slot outlives whatever goes wrong with one job.
awaitable<Outcome> Executor::run_job(JobRun& run, const queue::TakenEntry& entry) {
  const auto held = std::make_shared<RunUnderWay>();
  held->run = &run;
  held->entry = &entry;
  held->began = Clock::now();
  runs_.emplace(&run, held);
  if (stopping_) run.end_soon();
  Outcome outcome;
  try {
    outcome = co_await run.run();
  } catch (const std::exception& failure) {
    outcome = Outcome();
    outcome.reason = failure.what();
    telemetry::error("a run broke", {{"job", entry.data()}, {"error", failure.what()}});
  }
  held->ended.raise();
  runs_.erase(&run);
  co_return outcome;
}

// ---- attempts

awaitable<bool> Executor::note_begin(EntryAttempts& attempts, std::int32_t attempt) {
  queue::AttemptRecord record = attempts.record();
  queue::AttemptNote note;
  note.attempt = attempt;
  note.began = WallClock::now();
  record.note(std::move(note));
  const std::string why = co_await attempts.keep(std::move(record));
  if (why.empty()) co_return true;
  telemetry::warning("an attempt could not be noted", {{"attempt", attempt}, {"error", why}});
  co_return attempts.ours();
}

std::string Executor::why_given_up(const queue::TakenEntry& entry) const {
  if (options_.max_attempts == 0) return {};
  const queue::AttemptRecord record = entry.record().value_or(queue::AttemptRecord());
  const std::int32_t died = record.unclean_before(entry.attempt());
  if (died < options_.max_attempts) return {};
  return attempt_history(record, entry.attempt(), died);
}

// ---- locks

// A lock that somebody removed while our session lives (a queue that was wiped) entitles to
// nothing, and the queue keeper gives its job to somebody else. Runs that are over in a moment are
// not worth a watch each: the keeper waits longer than that.
awaitable<void> Executor::watch_locks() {
  while (!idle_.raised()) {
    co_await idle_.wait_for(lock_watch_interval);
    metrics_.queue(queue_.counters());
    pace_.look();
    follow_pace();
    const auto now = Clock::now();
    for (const auto& [run, held] : runs_) {
      if (held->watched || now - held->began < lock_watch_interval) continue;
      held->watched = true;
      background_.spawn(watch_lock(held));
    }
  }
}

awaitable<void> Executor::watch_lock(std::shared_ptr<RunUnderWay> run) {
  const std::shared_ptr<runtime::Event> ended(run, &run->ended);
  const bool removed = co_await queue_.lock_removed(*run->entry, ended);
  if (!removed || run->ended.raised()) co_return;
  telemetry::error("the lock of a job was removed by somebody else; its action is stopped",
                   {{"job", run->entry->data()}, {"entry", run->entry->name().text()}});
  run->run->lock_lost("its lock was removed");
}

// ---- what an earlier executor left in the journal

// Taken by name: they are free when our predecessor's session is over. Somebody else may have them
// already.
void Executor::deliver_kept_outcomes() {
  if (services_.journal == nullptr) return;
  for (const queue::EntryName& name : services_.journal->entries()) slots_.spawn(deliver(name));
}

// Nothing when it is not for us to deliver, or not any more.
awaitable<std::optional<queue::TakenEntry>> Executor::take_kept(queue::EntryName name) {
  std::optional<queue::TakenEntry> entry;
  while (!entry && !draining_.raised() && services_.journal->has(name)) {
    std::optional<std::string> job;
    try {
      entry = co_await queue_.take_named(name);
      if (entry) break;
      job = co_await queue_.data_of(name);
    } catch (const runtime::Failure&) {
      break;  // closed, or forbidden: a slot may find it
    }
    if (!job || services_.journal->find(name, *job) == nullptr) {
      telemetry::info("an outcome of the journal is overtaken: its entry is gone",
                      {{"entry", name.text()}});
      services_.journal->forget(name);
    } else {
      // Locked, perhaps by our predecessor's session.
      co_await draining_.wait_for(kept_entry_look);
    }
  }
  co_return entry;
}

awaitable<void> Executor::deliver(queue::EntryName name) {
  std::optional<queue::TakenEntry> entry = co_await take_kept(name);
  if (!entry) co_return;
  if (draining_.raised()) {
    // Nothing has begun, so the attempt is no reason to give the job up.
    Outcome untouched;
    untouched.fate = EntryFate::Release;
    untouched.reason = "this executor ends";
    co_await handback_.finish(std::move(*entry), std::move(untouched));
    co_return;
  }
  ++under_way_;
  co_await work_on(std::move(*entry), nullptr);
  end_of_work();
}

}  // namespace jobengine::executor
