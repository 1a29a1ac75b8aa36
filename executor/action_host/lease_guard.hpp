// Ends this process, and all it started, when the lease of its job passes: even while the executor
// is stopped and whatever the plugin does. DESIGN "Leases and fencing".
#pragma once

#include <atomic>
#include <thread>

#include "executor/hosts/host_message.hpp"

namespace jobengine::executor {

// SIGKILL to our process group, then _exit. Never returns. [any thread]
[[noreturn]] void end_process_group() noexcept;

class LeaseGuard {
 public:
  // Throws runtime::Failure when the system has no timer for us.
  LeaseGuard();
  ~LeaseGuard();
  LeaseGuard(const LeaseGuard&) = delete;
  LeaseGuard& operator=(const LeaseGuard&) = delete;

  // From now on the process may live until `lease` (CLOCK_BOOTTIME); 0: without end. [any thread]
  void set(LeaseStamp lease);

 private:
  void watch();

  int timer_ = -1;
  std::atomic<LeaseStamp> lease_{0};
  std::thread thread_;
};

}  // namespace jobengine::executor
