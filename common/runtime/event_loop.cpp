#include "common/runtime/event_loop.hpp"

#include <exception>

namespace jobengine::runtime {

EventLoop::EventLoop() : context_(1) {}
EventLoop::~EventLoop() = default;

void EventLoop::run(awaitable<void> program) {
  // The last work that ends outside of a run stops the context for good.
  context_.restart();
  std::exception_ptr failure;
  auto ended = [this, &failure](std::exception_ptr thrown) {
    failure = std::move(thrown);
    context_.stop();
  };
  asio::co_spawn(context_, std::move(program), ended);
  auto work = asio::make_work_guard(context_);
  context_.run();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace jobengine::runtime
