#include "executor/entry_backoff.hpp"

#include <algorithm>

namespace jobengine::executor {

runtime::Duration EntryBackoff::next(const queue::EntryName& entry, runtime::Duration most) {
  // Entries that others have consumed are never forgotten by name; a full map starts afresh.
  if (tries_.size() >= most_entries_ && !tries_.contains(entry)) tries_.clear();
  const unsigned tries = tries_[entry]++;
  runtime::Duration delay = first_;
  for (unsigned i = 0; i < tries && delay < longest_; ++i) delay *= 2;
  return std::min({delay, longest_, most});
}

}  // namespace jobengine::executor
