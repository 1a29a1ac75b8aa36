#include "api/store/handed_over.hpp"

namespace jobengine::api::store {

// In the frame of the waiting coroutine: its end is noticed also when the frame is destroyed.
class HandedOver::Waiting {
 public:
  Waiting(HandedOver& work, asio::steady_timer& timer) : work_(work) { work_.timer_ = &timer; }
  ~Waiting() {
    const std::lock_guard lock(work_.mutex_);
    work_.loop_gone_ = true;
    work_.given_up_ = true;
    work_.timer_ = nullptr;
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  HandedOver& work_;
};

bool HandedOver::begin() {
  const std::lock_guard lock(mutex_);
  begun_ = !given_up_;
  return begun_;
}

void HandedOver::finish(std::exception_ptr failure) {
  // Under the lock: the loop cannot go while it is told.
  const std::lock_guard lock(mutex_);
  if (loop_gone_) return;
  auto wake_up = [work = shared_from_this(), failure = std::move(failure)] { work->wake(failure); };
  asio::post(executor_, std::move(wake_up));
}

void HandedOver::wake(std::exception_ptr failure) {
  done_ = true;
  failure_ = std::move(failure);
  if (timer_ != nullptr) timer_->cancel();
}

bool HandedOver::give_up_unless_begun() {
  const std::lock_guard lock(mutex_);
  if (!begun_) given_up_ = true;
  return !begun_;
}

awaitable<bool> HandedOver::finished(std::optional<runtime::Duration> longest_wait) {
  asio::steady_timer timer(executor_, runtime::TimePoint::max());
  const Waiting waiting(*this, timer);
  if (longest_wait) timer.expires_after(*longest_wait);
  while (!done_) {
    boost::system::error_code cancelled;
    auto token = asio::redirect_error(use_awaitable, cancelled);
    co_await timer.async_wait(token);
    if (done_ || cancelled) continue;
    if (give_up_unless_begun()) co_return false;
    timer.expires_at(runtime::TimePoint::max());
  }
  if (failure_) std::rethrow_exception(failure_);
  co_return true;
}

}  // namespace jobengine::api::store
