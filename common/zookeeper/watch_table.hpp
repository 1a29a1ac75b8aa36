// Which Event waits for which watch. The C client keeps ids, never pointers: it may forget a
// watcher without a word, and may call one after its epoch. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "common/runtime/event.hpp"

namespace jobengine::zookeeper {

using WatchId = std::uint64_t;
inline constexpr WatchId no_watch = 0;

// Lives on the loop.
class WatchTable {
 public:
  // no_watch for no event. An id is never used twice.
  WatchId add(std::shared_ptr<runtime::Event> event);
  // The node changed: raises and forgets. An unknown id (an earlier epoch's) is ignored.
  void fire(WatchId id);
  // The request failed, so no watch was set: forgets without raising.
  void drop(WatchId id);
  // The epoch is over: raises and forgets all.
  void fire_all();
  std::size_t size() const { return waiting_.size(); }

 private:
  std::unordered_map<WatchId, std::shared_ptr<runtime::Event>> waiting_;
  WatchId last_ = no_watch;
};

}  // namespace jobengine::zookeeper
