// Slots that take entries and run their jobs, and the end of it all (drain).
#pragma once

#include <set>
#include <string>

#include "common/queue/locking_queue.hpp"
#include "common/runtime/event.hpp"
#include "common/runtime/stop_signal.hpp"
#include "common/runtime/task_group.hpp"
#include "common/zookeeper/session.hpp"
#include "executor/api_health.hpp"
#include "executor/entry_backoff.hpp"
#include "executor/executor_metrics.hpp"
#include "executor/job_run.hpp"

namespace jobengine::executor {

struct ExecutorOptions {
  std::size_t slots = 1;
  // Entries that wait for their retry under our lock; more wait in the queue.
  std::size_t most_parked = 1000;
  runtime::Duration drain_timeout = std::chrono::minutes(2);
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
  Executor(asio::io_context& loop, zookeeper::Session& session, queue::LockingQueue& queue,
           WatchedClient& client, const Catalog& catalog, ExecutorMetrics& metrics,
           ExecutorOptions options);

  // Works until `stop` is requested and the drain is over. The session is closed then.
  awaitable<void> run(runtime::StopSignal& stop);

  // The catalog has changed: hosts of editions that are out of service go when they are idle.
  void follow_catalog();

  // Empty: ready; else why not.
  std::string not_ready_because() const;

 private:
  awaitable<void> serve_slot();
  // Nothing: it may be run now.
  static std::optional<queue::WallTime> not_before(const queue::TakenEntry& entry);
  awaitable<void> work_on(queue::TakenEntry entry);
  awaitable<Outcome> run_job(JobRun& run, std::string job_id);
  awaitable<void> finish(queue::TakenEntry entry, Outcome outcome);
  awaitable<queue::FinishOutcome> hand_back(queue::TakenEntry entry, Outcome outcome);
  awaitable<void> park(queue::TakenEntry entry, queue::WallTime not_before);
  awaitable<void> await_document(queue::TakenEntry entry);
  awaitable<void> drain(runtime::StopSignal& stop);

  zookeeper::Session& session_;
  queue::LockingQueue& queue_;
  WatchedClient& client_;
  ExecutorMetrics& metrics_;
  ExecutorOptions options_;

  CancellationWatch cancellations_;
  HostPool hosts_;
  TakingPause pause_;
  EntryBackoff backoff_;
  runtime::TaskGroup background_;
  LogShipping logs_;
  RunServices services_;

  zookeeper::Session::Subscription subscription_;
  runtime::TaskGroup slots_;
  std::size_t busy_slots_ = 0;
  std::set<JobRun*> runs_;
  std::size_t awaited_documents_ = 0;
  std::size_t parked_ = 0;
  bool stopping_ = false;    // the drain took too long: actions are stopped
  runtime::Event draining_;  // nothing is taken any more
  runtime::Event idle_;      // every slot has ended
};

}  // namespace jobengine::executor
