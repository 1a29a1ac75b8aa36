// The lock on a queue entry, as what entitles a run to act on its job.
#pragma once

#include "common/queue/locking_queue.hpp"
#include "common/zookeeper/session.hpp"
#include "executor/hold.hpp"

namespace jobengine::executor {

// `queue`, `session` and `entry` must outlive it.
class EntryHold final : public Hold {
 public:
  EntryHold(queue::LockingQueue& queue, const zookeeper::Session& session,
            const queue::TakenEntry& entry)
      : queue_(queue), session_(session), entry_(entry) {}
  bool holds() const override { return queue_.holds(entry_); }
  LeaseStamp lease() const override;
  runtime::Duration margin() const override;
  awaitable<bool> taken_elsewhere(queue::Rivals which) const override {
    return queue_.taken_elsewhere(entry_, which);
  }

 private:
  queue::LockingQueue& queue_;
  const zookeeper::Session& session_;
  const queue::TakenEntry& entry_;
};

}  // namespace jobengine::executor
