#include "common/runtime/event.hpp"

#include <algorithm>
#include <vector>

namespace jobengine::runtime {

struct Event::Waiters {
  bool raised = false;
  std::vector<asio::steady_timer*> timers;

  void wake_all() {
    for (asio::steady_timer* timer : timers) timer->cancel();
  }
};

namespace {

// Keeps a timer in an event's list for as long as the waiting coroutine's frame lives.
template <class Waiters>
class Registration {
 public:
  Registration(std::shared_ptr<Waiters> waiters, asio::steady_timer& timer)
      : waiters_(std::move(waiters)), timer_(&timer) {
    waiters_->timers.push_back(timer_);
  }
  ~Registration() { std::erase(waiters_->timers, timer_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  std::shared_ptr<Waiters> waiters_;
  asio::steady_timer* timer_;
};

}  // namespace

Event::Event() : waiters_(std::make_shared<Waiters>()) {}
Event::~Event() = default;

void Event::raise() {
  waiters_->raised = true;
  waiters_->wake_all();
}

void Event::reset() {
  waiters_->raised = false;
}

bool Event::raised() const {
  return waiters_->raised;
}

awaitable<bool> Event::wait_until(TimePoint deadline) {
  auto waiters = waiters_;
  if (waiters->raised) co_return true;
  auto loop = co_await asio::this_coro::executor;
  asio::steady_timer timer(loop, deadline);
  Registration<Waiters> registration(waiters, timer);
  boost::system::error_code result;
  co_await timer.async_wait(asio::redirect_error(use_awaitable, result));
  // A raise that was reset before this coroutine ran still woke it: it did happen.
  co_return waiters->raised || result == asio::error::operation_aborted;
}

awaitable<bool> Event::wait_for(Duration limit) {
  return wait_until(Clock::now() + limit);
}

awaitable<void> Event::wait() {
  co_await wait_until(TimePoint::max());
}

awaitable<bool> Event::wait_either(Event& first, Event& second, TimePoint deadline) {
  auto one = first.waiters_;
  auto other = second.waiters_;
  if (one->raised || other->raised) co_return true;
  auto loop = co_await asio::this_coro::executor;
  asio::steady_timer timer(loop, deadline);
  Registration<Waiters> registration_one(one, timer);
  Registration<Waiters> registration_other(other, timer);
  boost::system::error_code result;
  co_await timer.async_wait(asio::redirect_error(use_awaitable, result));
  co_return one->raised || other->raised || result == asio::error::operation_aborted;
}

awaitable<bool> pause(Duration time, Event& interrupted) {
  return interrupted.wait_for(time);
}

}  // namespace jobengine::runtime
