// What the feed may push now. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "api/store/store.hpp"

namespace jobengine::api::feed {

struct QueueLook {
  std::size_t depth = 0;
  // Priority value of the least urgent entry; nothing when that is not known (or there is none).
  std::optional<int> least_urgent;
};

// `waiting`: most urgent first, then oldest. Returns how many of them, from the front, may get an
// entry: as many as there is room for; when the queue is full, those more urgent than the least
// urgent entry, up to twice the capacity.
std::size_t pushable(const std::vector<store::AwaitingEntry>& waiting, const QueueLook& look,
                     std::size_t capacity);

}  // namespace jobengine::api::feed
