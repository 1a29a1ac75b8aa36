#include "executor/slot_gate.hpp"

#include <algorithm>
#include <utility>

namespace jobengine::executor {

awaitable<bool> SlotGate::enter(runtime::Event& stop, runtime::Duration patience) {
  if (free_ > 0) {
    --free_;
    co_return true;
  }
  const auto called = std::make_shared<runtime::Event>();
  waiting_.push_back(called);
  const auto deadline = runtime::Clock::now() + patience;
  co_await runtime::Event::wait_either(*called, stop, deadline);
  if (called->raised()) co_return true;
  std::erase(waiting_, called);
  co_return false;
}

void SlotGate::leave() {
  if (waiting_.empty()) {
    ++free_;
    return;
  }
  const std::shared_ptr<runtime::Event> next = std::move(waiting_.front());
  waiting_.pop_front();
  next->raise();
}

void RefillPace::slot_left(runtime::Duration busy) {
  constexpr int remembered = 8;
  mean_ += (std::min(busy, longest) - mean_) / remembered;
  news_ = true;
}

void RefillPace::look() {
  if (!std::exchange(news_, false)) mean_ = longest;
}

}  // namespace jobengine::executor
