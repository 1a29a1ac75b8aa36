// Where a run keeps what its job's next attempt must know: the attempt record of its queue entry.
// In pull mode there is none.
#pragma once

#include <string>
#include <utility>

#include "common/queue/locking_queue.hpp"

namespace jobengine::executor {

// Lives on the loop.
class AttemptKeeper {
 public:
  virtual ~AttemptKeeper() = default;
  // As it was read by the take, or last kept; an empty one when there is none.
  virtual queue::AttemptRecord record() const = 0;
  // Returns nothing once the record is kept, else why it is not.
  virtual awaitable<std::string> keep(queue::AttemptRecord record) = 0;
};

// `queue` and `entry` must outlive it, but not the writes that are under way.
class EntryAttempts final : public AttemptKeeper {
 public:
  // `executor`: our name, for the notes.
  EntryAttempts(queue::LockingQueue& queue, const queue::TakenEntry& entry, std::string executor)
      : queue_(queue), entry_(entry), executor_(std::move(executor)) {}
  queue::AttemptRecord record() const override;
  awaitable<std::string> keep(queue::AttemptRecord record) override;
  bool ours() const { return queue_.holds(entry_); }

 private:
  queue::LockingQueue& queue_;
  const queue::TakenEntry& entry_;
  std::string executor_;
};

}  // namespace jobengine::executor
