#include "api/feed/feed_plan.hpp"

#include <algorithm>

namespace jobengine::api::feed {

std::size_t pushable(const std::vector<store::AwaitingEntry>& waiting, const QueueLook& look,
                     std::size_t capacity) {
  const std::size_t room = look.depth < capacity ? capacity - look.depth : 0;
  std::size_t count = std::min(room, waiting.size());
  if (!look.least_urgent) return count;
  const std::size_t most = 2 * capacity;
  while (count < waiting.size() && look.depth + count < most &&
         waiting[count].priority < *look.least_urgent) {
    ++count;
  }
  return count;
}

}  // namespace jobengine::api::feed
