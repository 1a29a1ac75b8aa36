#include "executor/entry_backoff.hpp"

#include <algorithm>

namespace jobengine::executor {

runtime::Duration EntryBackoff::next(const queue::EntryName& entry, double chance,
                                     runtime::Duration most) {
  // Entries that others have consumed are never forgotten by name; a full map starts afresh.
  if (tries_.size() >= most_entries_ && !tries_.contains(entry)) tries_.clear();
  const unsigned tries = tries_[entry]++;
  runtime::Duration delay = first_;
  for (unsigned i = 0; i < tries && delay < longest_; ++i) delay *= 2;
  const std::chrono::duration<double> longest = std::min({delay, longest_, most});
  return std::chrono::duration_cast<runtime::Duration>(longest *
                                                       (0.5 + std::clamp(chance, 0.0, 1.0) / 2));
}

}  // namespace jobengine::executor
