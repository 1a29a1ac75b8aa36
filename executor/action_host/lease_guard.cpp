#include "executor/action_host/lease_guard.hpp"

#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

#include "common/runtime/descendants.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

constexpr LeaseStamp second = 1'000'000'000;
// What the orderly end may take, a slow machine's too; less than what is left of the session then:
// a third of its timeout, 1.3 s of ZooKeeper's usual least.
constexpr LeaseStamp grace = second / 2;

itimerspec at(LeaseStamp time) {
  itimerspec when{};
  when.it_value.tv_sec = time / second;
  when.it_value.tv_nsec = time % second;
  return when;
}

LeaseStamp now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return static_cast<LeaseStamp>(time.tv_sec) * second + time.tv_nsec;
}

}  // namespace

void end_process_group() noexcept {
  // Those in sessions of their own, which the group does not reach. The first thread here does it.
  static std::atomic_flag taken;
  if (!taken.test_and_set()) runtime::kill_descendants();
  // Started by hand, without a session of its own, the group is somebody else's too.
  if (::getpgrp() == ::getpid()) ::kill(0, SIGKILL);
  ::_exit(112);
}

LeaseGuard::LeaseGuard(std::function<void()> end, std::function<void()> unfenced)
    : end_(std::move(end)),
      unfenced_(std::move(unfenced)),
      timer_(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC)) {
  if (timer_ < 0) {
    throw runtime::Failure(std::string("cannot make a timer: ") + std::strerror(errno));
  }
  sigevent kill{};
  kill.sigev_notify = SIGEV_SIGNAL;
  kill.sigev_signo = SIGKILL;
  if (::timer_create(CLOCK_BOOTTIME, &kill, &fuse_) != 0) {
    const int reason = errno;
    ::close(timer_);
    throw runtime::Failure(std::string("cannot make a timer: ") + std::strerror(reason));
  }
  thread_ = std::thread([this] { watch(); });
}

LeaseGuard::~LeaseGuard() {
  over_ = true;
  ::timer_delete(fuse_);
  wake_at(1);
  thread_.join();
  ::close(timer_);
}

void LeaseGuard::set(LeaseStamp lease) {
  lease_.store(lease);
  kill_at(lease == 0 ? 0 : lease + grace);
  wake_at(lease);
}

// 0: not at all; a lease of the past must not read as 0.
void LeaseGuard::wake_at(LeaseStamp time) {
  const itimerspec when = at(time);
  ::timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void LeaseGuard::kill_at(LeaseStamp time) {
  const itimerspec when = at(time);
  ::timer_settime(fuse_, TIMER_ABSTIME, &when, nullptr);
}

void LeaseGuard::watch() {
  for (;;) {
    std::uint64_t expirations = 0;
    const bool woken = ::read(timer_, &expirations, sizeof expirations) > 0;
    if (over_) return;
    if (!woken && errno == EINTR) continue;
    // Without a timer there is no fence any more.
    if (!woken) unfenced_();
    // A renewal may have come between the expiry and now.
    const LeaseStamp lease = lease_.load();
    if (lease != 0 && now() >= lease) end_();
  }
}

}  // namespace jobengine::executor
