// Ends this process when the lease of its job passes, whatever the plugin does: an action host, and
// all it started, even while the executor is stopped; the executor itself, when the action runs in
// it. DESIGN "Leases and fencing".
#pragma once

#include <atomic>
#include <ctime>
#include <functional>
#include <thread>

#include "executor/hosts/host_message.hpp"

namespace jobengine::executor {

// SIGKILL to our process group, then _exit. Never returns. [any thread]
[[noreturn]] void end_process_group() noexcept;

// Two fuses: a thread that ends the process in good order when the lease passes, and, a moment
// later, the kernel, which sends SIGKILL. A process that was stopped (SIGSTOP, a debugger)
// meanwhile would otherwise go on for a moment when it is continued, before that thread gets its
// turn.
class LeaseGuard {
 public:
  // On a thread of the guard: `end` when the lease passes, `unfenced` when the timer was taken away
  // (an action closed its descriptor). Throws runtime::Failure when the system has no timer for us.
  LeaseGuard(std::function<void()> end, std::function<void()> unfenced);
  explicit LeaseGuard(std::function<void()> end = end_process_group) : LeaseGuard(end, end) {}
  ~LeaseGuard();
  LeaseGuard(const LeaseGuard&) = delete;
  LeaseGuard& operator=(const LeaseGuard&) = delete;

  // From now on the process may live until `lease` (CLOCK_BOOTTIME); 0: without end. [any thread]
  void set(LeaseStamp lease);

 private:
  void watch();
  void wake_at(LeaseStamp time);
  void kill_at(LeaseStamp time);

  std::function<void()> end_;
  std::function<void()> unfenced_;
  int timer_ = -1;
  timer_t fuse_{};
  std::atomic<LeaseStamp> lease_{0};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace jobengine::executor
