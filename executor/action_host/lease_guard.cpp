#include "executor/action_host/lease_guard.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

constexpr LeaseStamp second = 1'000'000'000;

LeaseStamp now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return static_cast<LeaseStamp>(time.tv_sec) * second + time.tv_nsec;
}

}  // namespace

void end_process_group() noexcept {
  // Started by hand, without a session of its own, the group is somebody else's too.
  if (::getpgrp() == ::getpid()) ::kill(0, SIGKILL);
  ::_exit(112);
}

LeaseGuard::LeaseGuard() : timer_(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC)) {
  if (timer_ < 0) {
    throw runtime::Failure(std::string("cannot make a timer: ") + std::strerror(errno));
  }
  thread_ = std::thread([this] { watch(); });
}

LeaseGuard::~LeaseGuard() {
  // Its thread sleeps in the kernel and needs nothing but the timer, which the process' end closes.
  thread_.detach();
}

void LeaseGuard::set(LeaseStamp lease) {
  lease_.store(lease);
  itimerspec when{};
  // All zeroes disarms, so a lease of the past must not read as 0.
  when.it_value.tv_sec = lease / second;
  when.it_value.tv_nsec = lease % second;
  ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void LeaseGuard::watch() {
  for (;;) {
    std::uint64_t expirations = 0;
    if (::read(timer_, &expirations, sizeof expirations) < 0 && errno == EINTR) continue;
    // A renewal may have come between the expiry and now.
    const LeaseStamp lease = lease_.load();
    if (lease != 0 && now() >= lease) end_process_group();
  }
}

}  // namespace jobengine::executor
