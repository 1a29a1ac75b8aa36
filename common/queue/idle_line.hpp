// The line of processes with nothing to take: only the first in it watches the queue's folders, so
// that a put wakes one of them, however many there are.
//
// /job/idle/idle-SSSSSSSSSS: ephemeral, sequential, data = the taker's id. Each member watches the
// one before it, nobody else.
//
// Why no put is lost. (1) Whoever is first sets its watches and lists the folders in one request
// each: what was put before is in the listing, what is put later raises the watch. (2) It either
// has a free taker for each free entry it sees, or leaves; its going tells the next, who begins at
// (1). (3) One that cannot take what it sees (it put it back a while ago) steps back once for each
// state of the folders, so that everybody has seen it. (4) A first one that is frozen, or whose
// connection hangs, keeps its place until its session ends: so every member also looks by itself
// now and then, together about once a second.
#pragma once

#include <cstdint>
#include <string>

#include "common/zookeeper/session.hpp"

namespace jobengine::queue {

class QueueCore;

// Lives on the loop; one coroutine at a time. The core, which is handed to each call, must be kept
// alive by the caller. The calls throw Failure when the session is closed, or ZooKeeper refuses.
class IdleLine {
 public:
  explicit IdleLine(std::string folder) : folder_(std::move(folder)) {}

  // Joins unless we are in it, and looks for who is before us unless that is known.
  awaitable<void> stand(QueueCore& core);
  awaitable<void> leave(QueueCore& core);
  // Asks anew how many members there are.
  awaitable<void> count(QueueCore& core);
  // The session is over, and our place with it.
  void forget();

  bool inside() const { return number_ >= 0; }
  bool first() const { return inside() && !before_us_; }
  // Raised when whoever is before us went: stand() again. Null when we are first.
  const zookeeper::Watch& before_us() const { return before_us_; }
  // As last seen; at least 1.
  std::int32_t members() const { return members_; }

 private:
  awaitable<void> join(QueueCore& core);
  awaitable<void> find_place(QueueCore& core);
  awaitable<std::int64_t> nearest_before(QueueCore& core);
  awaitable<std::int64_t> nearest_listed(QueueCore& core);
  awaitable<void> remove_unknown(QueueCore& core);
  std::string path_of(std::int64_t number) const;

  std::string folder_;
  std::int64_t number_ = -1;  // of our node; -1: none
  bool placed_ = false;       // who is before us is known
  bool unknown_ = false;      // a node of ours may be there, made by a create without an answer
  zookeeper::Watch before_us_;
  std::int32_t members_ = 1;
};

}  // namespace jobengine::queue
