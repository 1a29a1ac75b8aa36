#include "common/zookeeper/session_lease.hpp"

#include <time.h>

#include <algorithm>

namespace jobengine::zookeeper {

LeaseClock::time_point LeaseClock::now() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return time_point(std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec));
}

void SessionLease::renew(LeaseTime sent, std::chrono::milliseconds session_timeout) {
  const LeaseClock::duration granted = LeaseClock::duration(session_timeout) * 2 / 3;
  valid_until_ = std::max(valid_until_, sent + granted);
}

void SessionLease::end() {
  valid_until_ = LeaseTime::min();
}

}  // namespace jobengine::zookeeper
