// An entry under our lock: a thing that must be finished.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/queue/attempt_record.hpp"
#include "common/queue/entry_name.hpp"
#include "common/zookeeper/znode.hpp"

namespace jobengine::queue {

// What its holder knows of an entry. Shared with the writes under way.
struct HeldEntry {
  std::optional<AttemptRecord> record;  // as read by the take, or as last kept
  std::string complaint;                // what was wrong with what the take read
  bool exists = false;                  // the record's node is there, or may be
  bool lock_gone = false;               // somebody removed our lock, while our session lives
};

// Move-only; handed back to exactly one LockingQueue::consume() or release(). Dropping it does
// nothing: the lock then stays until the session ends.
class [[nodiscard]] TakenEntry {
 public:
  TakenEntry(EntryName name, std::string data, std::int32_t attempt, zookeeper::Epoch epoch)
      : name_(name), data_(std::move(data)), attempt_(attempt), epoch_(epoch) {}
  TakenEntry(TakenEntry&&) = default;
  TakenEntry& operator=(TakenEntry&&) = default;
  TakenEntry(const TakenEntry&) = delete;
  TakenEntry& operator=(const TakenEntry&) = delete;
  ~TakenEntry() = default;

  const EntryName& name() const { return name_; }
  // The entry's bytes: a job id, "job/<uuid>", unless somebody put garbage there.
  const std::string& data() const { return data_; }
  // The entry's znode version as the take left it: 1 for the first taker. (A Python peer's take
  // does not count.)
  std::int32_t attempt() const { return attempt_; }
  // The lock lives and dies with this session.
  zookeeper::Epoch epoch() const { return epoch_; }

  // Nothing at the first attempt, when earlier ones kept none, and when what is there is no record.
  const std::optional<AttemptRecord>& record() const { return kept_->record; }
  // Why what is there is no record; empty: nothing is wrong.
  const std::string& record_complaint() const { return kept_->complaint; }
  // For the queue.
  const std::shared_ptr<HeldEntry>& kept() const { return kept_; }

 private:
  EntryName name_;
  std::string data_;
  std::int32_t attempt_;
  zookeeper::Epoch epoch_;
  std::shared_ptr<HeldEntry> kept_ = std::make_shared<HeldEntry>();
};

}  // namespace jobengine::queue
