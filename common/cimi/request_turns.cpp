#include "common/cimi/request_turns.hpp"

#include <algorithm>
#include <utility>

namespace jobengine::cimi {

void RequestTurns::close() {
  closed_ = true;
  for (const auto& called : std::exchange(waiting_, {})) called->raise();
}

void RequestTurns::pass_on() {
  if (waiting_.empty()) {
    ++free_;
    return;
  }
  const std::shared_ptr<runtime::Event> next = std::move(waiting_.front());
  waiting_.pop_front();
  next->raise();
}

RequestTurns::Turn::~Turn() {
  if (!has_ && called_ && !called_->raised()) std::erase(turns_.waiting_, called_);
  const bool called = called_ && called_->raised() && !turns_.closed_;
  if (has_ || called) turns_.pass_on();
}

awaitable<bool> RequestTurns::Turn::await(runtime::TimePoint deadline) {
  if (turns_.closed_) co_return false;
  if (turns_.free_ > 0) {
    --turns_.free_;
    has_ = true;
    co_return true;
  }
  called_ = std::make_shared<runtime::Event>();
  turns_.waiting_.push_back(called_);
  co_await called_->wait_until(deadline);
  const bool ours = called_->raised() && !turns_.closed_;
  if (!called_->raised()) std::erase(turns_.waiting_, called_);
  called_.reset();
  has_ = ours;
  co_return ours;
}

}  // namespace jobengine::cimi
