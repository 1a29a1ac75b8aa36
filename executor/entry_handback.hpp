// What becomes of an entry once this executor has no more to do for it, or not now: it is consumed,
// released, at once or with a delay, or kept under its lock beside the slots.
#pragma once

#include <cstddef>
#include <optional>
#include <random>
#include <string>

#include "common/queue/locking_queue.hpp"
#include "common/runtime/event.hpp"
#include "common/runtime/task_group.hpp"
#include "common/zookeeper/session.hpp"
#include "executor/api_health.hpp"
#include "executor/entry_backoff.hpp"
#include "executor/run_outcome.hpp"

namespace jobengine::executor {

struct HandbackLimits {
  // Entries that wait for their retry under our lock; more wait in the queue.
  std::size_t most_parked = 1000;
  // How long an entry whose job does not exist is kept before it is consumed.
  runtime::Duration missing_document = std::chrono::seconds(4);
  std::string executor;  // its name, for attempt records
};

// Lives on the loop. What it is given must outlive it.
class EntryHandback {
 public:
  EntryHandback(zookeeper::Session& session, queue::LockingQueue& queue, WatchedClient& client,
                runtime::TaskGroup& background, runtime::Event& draining, HandbackLimits limits);

  // Does what `outcome` says; what is kept under its lock is seen to in the background. Once it
  // drains, nothing is kept. Never throws: what goes wrong is logged, and the lock goes with the
  // session.
  awaitable<void> finish(queue::TakenEntry entry, Outcome outcome);

  // The entry's record with the end of this attempt in it.
  queue::AttemptRecord with_end(const queue::TakenEntry& entry, std::string how) const;

  // Nothing: it may be run now.
  static std::optional<queue::WallTime> not_before(const queue::TakenEntry& entry);

  // Entries that are kept under their lock without a slot.
  std::size_t waiting() const { return awaited_documents_ + parked_; }

 private:
  awaitable<queue::FinishOutcome> hand_back(queue::TakenEntry entry, Outcome outcome);
  awaitable<queue::FinishOutcome> release(queue::TakenEntry entry, Outcome outcome,
                                          runtime::TimePoint not_before);
  awaitable<void> park(queue::TakenEntry entry, queue::WallTime not_before);
  awaitable<void> await_document(queue::TakenEntry entry);

  zookeeper::Session& session_;
  queue::LockingQueue& queue_;
  WatchedClient& client_;
  runtime::TaskGroup& background_;
  runtime::Event& draining_;
  HandbackLimits limits_;
  EntryBackoff backoff_;
  std::mt19937_64 random_{std::random_device{}()};
  std::size_t awaited_documents_ = 0;
  std::size_t parked_ = 0;
};

}  // namespace jobengine::executor
