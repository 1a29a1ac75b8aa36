#include "executor/entry_hold.hpp"

#include <algorithm>
#include <chrono>

namespace jobengine::executor {

LeaseStamp EntryHold::lease() const {
  // Never 0, which would mean that there is no end.
  return std::max<LeaseStamp>(1, session_.lease_valid_until().time_since_epoch().count());
}

runtime::Duration EntryHold::margin() const {
  constexpr std::chrono::milliseconds least(200);
  constexpr std::chrono::milliseconds most(2000);
  return std::clamp(session_.timeout() / 15, least, most);
}

}  // namespace jobengine::executor
