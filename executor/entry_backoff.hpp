// How long this executor leaves an entry alone that it could not run. Pure.
#pragma once

#include <cstddef>
#include <map>

#include "common/queue/entry_name.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::executor {

class EntryBackoff {
 public:
  explicit EntryBackoff(runtime::Duration first = std::chrono::seconds(1),
                        runtime::Duration longest = std::chrono::minutes(5),
                        std::size_t most_entries = 10000)
      : first_(first), longest_(longest), most_entries_(most_entries) {}

  // Doubles with every call for the entry, up to the longest there is, or to `most`; of that,
  // `chance` in [0, 1] picks a part in the upper half, so that entries that came back together do
  // not do so again, nor executors that gave one back.
  runtime::Duration next(const queue::EntryName& entry, double chance,
                         runtime::Duration most = runtime::Duration::max());
  void forget(const queue::EntryName& entry) { tries_.erase(entry); }
  std::size_t size() const { return tries_.size(); }

 private:
  runtime::Duration first_;
  runtime::Duration longest_;
  std::size_t most_entries_;
  std::map<queue::EntryName, unsigned> tries_;
};

}  // namespace jobengine::executor
