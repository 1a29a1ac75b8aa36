// How long what ZooKeeper granted may be used (DESIGN "Leases and fencing"). Pure.
#pragma once

#include <chrono>

namespace jobengine::zookeeper {

// CLOCK_BOOTTIME: monotonic, and time spent suspended counts, as it does for the server.
struct LeaseClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<LeaseClock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept;
};
using LeaseTime = LeaseClock::time_point;

// The server expires a session no earlier than its timeout after it last heard from it, and what it
// answered it had heard no earlier than we sent it. So: sending time of the last answered request +
// 2/3 of the timeout (2/3: the C client itself gives a silent server up then).
class SessionLease {
 public:
  void renew(LeaseTime sent, std::chrono::milliseconds session_timeout);
  void end();

  // LeaseTime::min() when nothing is granted.
  LeaseTime valid_until() const { return valid_until_; }
  bool valid(LeaseTime now) const { return now < valid_until_; }

 private:
  LeaseTime valid_until_ = LeaseTime::min();
};

}  // namespace jobengine::zookeeper
