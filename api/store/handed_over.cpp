#include "api/store/handed_over.hpp"

#include <algorithm>

namespace jobengine::api::store {

namespace {

runtime::TimePoint next_look(const HandedOver::Patience& patience, runtime::TimePoint start,
                             runtime::TimePoint now) {
  constexpr auto short_while = std::chrono::milliseconds(100);
  auto next = runtime::TimePoint::max();
  for (const auto& limit : {patience.beginning, patience.end}) {
    if (limit && start + *limit > now) next = std::min(next, start + *limit);
  }
  // Out of time, but where it cannot be left alone.
  const bool overdue = patience.end && next == runtime::TimePoint::max();
  return overdue ? now + short_while : next;
}

}  // namespace

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
  if (given_up_) return false;
  phase_ = Phase::Begun;
  return true;
}

void HandedOver::end_alone() {
  const std::lock_guard lock(mutex_);
  phase_ = Phase::EndsAlone;
}

void HandedOver::finish(std::exception_ptr failure) {
  // Under the lock: the loop cannot go while it is told.
  const std::lock_guard lock(mutex_);
  if (loop_gone_) return;
  auto wake_up = [work = shared_from_this(), failure = std::move(failure)] { work->wake(failure); };
  asio::post(executor_, std::move(wake_up));
}

void HandedOver::finish(std::vector<Finished> all) {
  while (!all.empty()) {
    const auto executor = all.front().work->executor_;
    const auto same = std::make_shared<std::vector<Finished>>();
    std::vector<Finished> others;
    for (auto& one : all) {
      (one.work->executor_ == executor ? *same : others).push_back(std::move(one));
    }
    for (const auto& one : *same) {
      if (one.work->tell(same)) break;
    }
    all = std::move(others);
  }
}

bool HandedOver::tell(std::shared_ptr<const std::vector<Finished>> all) {
  const std::lock_guard lock(mutex_);
  if (loop_gone_) return false;
  asio::post(executor_, [all = std::move(all)] {
    for (const auto& one : *all) one.work->wake(one.failure);
  });
  return true;
}

void HandedOver::wake(std::exception_ptr failure) {
  done_ = true;
  failure_ = std::move(failure);
  if (timer_ != nullptr) timer_->cancel();
}

std::optional<HandedOver::Outcome> HandedOver::judge(const Patience& patience,
                                                     runtime::TimePoint start,
                                                     runtime::TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (phase_ == Phase::Waiting && patience.beginning && now - start >= *patience.beginning) {
    given_up_ = true;
    return Outcome::NeverBegun;
  }
  if (phase_ == Phase::EndsAlone && patience.end && now - start >= *patience.end) {
    return Outcome::NotEndedYet;
  }
  return std::nullopt;
}

awaitable<HandedOver::Outcome> HandedOver::finished(Patience patience) {
  const auto start = runtime::Clock::now();
  asio::steady_timer timer(executor_, runtime::TimePoint::max());
  const Waiting waiting(*this, timer);
  while (!done_) {
    const auto now = runtime::Clock::now();
    const auto outcome = judge(patience, start, now);
    if (outcome) co_return *outcome;
    timer.expires_at(next_look(patience, start, now));
    boost::system::error_code cancelled;
    auto token = asio::redirect_error(use_awaitable, cancelled);
    co_await timer.async_wait(token);
  }
  if (failure_) std::rethrow_exception(failure_);
  co_return Outcome::Done;
}

}  // namespace jobengine::api::store
