#include "executor/hold.hpp"

#include "common/zookeeper/session_lease.hpp"

namespace jobengine::executor {

LeaseStamp lease_clock_now() {
  return zookeeper::LeaseClock::now().time_since_epoch().count();
}

}  // namespace jobengine::executor
