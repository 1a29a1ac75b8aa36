#include "common/runtime/task_group.hpp"

#include "common/runtime/event.hpp"

namespace jobengine::runtime {

struct TaskGroup::State {
  std::size_t running = 0;
  std::exception_ptr first_failure;
  Event idle;
};

TaskGroup::TaskGroup(Executor loop) : loop_(std::move(loop)), state_(std::make_shared<State>()) {}

TaskGroup::~TaskGroup() = default;

void TaskGroup::spawn(awaitable<void> coroutine) {
  ++state_->running;
  state_->idle.reset();
  auto ended = [state = state_](std::exception_ptr failure) {
    if (failure && !state->first_failure) state->first_failure = std::move(failure);
    if (--state->running == 0) state->idle.raise();
  };
  asio::co_spawn(loop_, std::move(coroutine), std::move(ended));
}

awaitable<void> TaskGroup::join() {
  auto state = state_;
  while (state->running > 0) co_await state->idle.wait();
  if (auto failure = std::exchange(state->first_failure, nullptr)) {
    std::rethrow_exception(failure);
  }
}

std::size_t TaskGroup::running() const {
  return state_->running;
}

}  // namespace jobengine::runtime
