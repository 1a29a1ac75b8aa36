#include "common/zookeeper/watch_table.hpp"

#include <utility>

namespace jobengine::zookeeper {

WatchId WatchTable::add(std::shared_ptr<runtime::Event> event) {
  if (!event) return no_watch;
  waiting_.emplace(++last_, std::move(event));
  return last_;
}

void WatchTable::fire(WatchId id) {
  auto found = waiting_.find(id);
  if (found == waiting_.end()) return;
  auto event = std::move(found->second);
  waiting_.erase(found);
  event->raise();
}

void WatchTable::drop(WatchId id) {
  waiting_.erase(id);
}

void WatchTable::fire_all() {
  for (auto& [id, event] : std::exchange(waiting_, {})) event->raise();
}

}  // namespace jobengine::zookeeper
