// Slots that take entries and run their jobs, and the end of it all (drain).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/queue/locking_queue.hpp"
#include "common/runtime/event.hpp"
#include "common/runtime/stop_signal.hpp"
#include "common/runtime/task_group.hpp"
#include "common/zookeeper/session.hpp"
#include "executor/api_health.hpp"
#include "executor/entry_handback.hpp"
#include "executor/executor_metrics.hpp"
#include "executor/finishing.hpp"
#include "executor/job_run.hpp"
#include "executor/slot_gate.hpp"

namespace jobengine::executor {

struct ExecutorOptions {
  std::size_t slots = 1;
  // Runs whose outcome is on its way to the API while their slot is at work on another job, beyond
  // one for each slot. Of more, each keeps its slot until its end.
  std::size_t further_finishing = 64;
  // Entries that wait for their retry under our lock; more wait in the queue.
  std::size_t most_parked = 1000;
  runtime::Duration drain_timeout = std::chrono::minutes(2);
  // A job is given up when so many of its attempts have died; 0: never.
  std::int32_t max_attempts = 5;
  // How long an entry whose job does not exist is kept before it is consumed.
  runtime::Duration missing_document_limit = std::chrono::seconds(4);
  RunLimits limits;
  LogOptions logs;
  HostCommand host_command;
  SharedActions shared_actions;
};

// Lives on the loop. What it is given must outlive it.
class Executor {
 public:
  // `journal` may be null.
  Executor(asio::io_context& loop, zookeeper::Session& session, queue::LockingQueue& queue,
           WatchedClient& client, const Catalog& catalog, ExecutorMetrics& metrics,
           OutcomeJournal* journal, ExecutorOptions options);
  ~Executor();

  // Works until `stop` is requested and the drain is over. The session is closed then.
  awaitable<void> run(runtime::StopSignal& stop);

  // The catalog has changed: hosts of editions that are out of service go when they are idle.
  void follow_catalog();

  // Empty: ready; else why not.
  std::string not_ready_because() const;

 private:
  // A run and what it holds, from the take to its end.
  struct RunUnderWay {
    JobRun* run = nullptr;
    const queue::TakenEntry* entry = nullptr;
    runtime::TimePoint began;
    bool watched = false;
    runtime::Event ended;
  };

  // A coroutine that takes and runs entries, one at a time: one for each slot, and one for each
  // entry that may be taken ahead.
  struct Lane {
    bool seeks = false;  // a slot, be it that it has an entry for it already
    bool has_slot = false;
    bool finishing = false;  // its slot was passed on: it sees to an outcome and ends
    runtime::TimePoint entered;
  };

  // Until the drain, until it is finishing, or one too many.
  awaitable<void> serve_lane();
  void spawn_lanes();
  // Nothing was taken: nothing, or it is for later.
  awaitable<std::optional<queue::TakenEntry>> take_next();
  awaitable<bool> enter_slot(Lane& lane);
  void leave_slot(Lane& lane);
  void stop_seeking(Lane& lane);
  bool is_surplus() const;
  void follow_pace();
  awaitable<void> await_outcomes();
  void pass_on_slot(Lane& lane);
  void end_of_work();
  void deliver_kept_outcomes();
  awaitable<std::optional<queue::TakenEntry>> take_kept(queue::EntryName name);
  awaitable<void> deliver(queue::EntryName name);
  awaitable<void> watch_locks();
  awaitable<void> watch_lock(std::shared_ptr<RunUnderWay> run);
  // Without a lane: beside the slots.
  awaitable<void> work_on(queue::TakenEntry entry, Lane* lane);
  awaitable<Outcome> run_entry(const queue::TakenEntry& entry, Lane* lane, std::string& action);
  awaitable<Outcome> run_job(JobRun& run, const queue::TakenEntry& entry);
  // Of an entry that was taken before: this attempt, too, is to be known. False: not ours any more.
  awaitable<bool> note_begin(EntryAttempts& attempts, std::int32_t attempt);
  std::string why_given_up(const queue::TakenEntry& entry) const;
  awaitable<void> drain(runtime::StopSignal& stop);

  zookeeper::Session& session_;
  queue::LockingQueue& queue_;
  WatchedClient& client_;
  ExecutorMetrics& metrics_;
  ExecutorOptions options_;

  CancellationWatch cancellations_;
  HostPool hosts_;
  TakingPause pause_;
  runtime::TaskGroup background_;
  LogShipping logs_;
  RunServices services_;

  zookeeper::Session::Subscription subscription_;
  runtime::TaskGroup slots_;
  SlotGate gate_;
  RefillPace pace_;
  Finishing finishing_;
  EntryHandback handback_;
  std::size_t lanes_ = 0;      // those that are finishing are none any more
  std::size_t seeking_ = 0;    // lanes
  std::size_t under_way_ = 0;  // lanes, and runs that have none
  std::map<JobRun*, std::shared_ptr<RunUnderWay>> runs_;
  bool stopping_ = false;    // the drain took too long: actions are stopped
  runtime::Event draining_;  // nothing is taken any more
  runtime::Event not_now_;   // what lanes wait for in the queue is given up, perhaps for a while
  runtime::Event only_now_;  // nothing is taken ahead of a slot
  runtime::Event idle_;      // nothing is under way any more
};

}  // namespace jobengine::executor
