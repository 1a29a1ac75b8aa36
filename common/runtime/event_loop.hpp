// One single-threaded loop a process: all engine state lives on it.
#pragma once

#include "common/runtime/asio.hpp"

namespace jobengine::runtime {

class EventLoop {
 public:
  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  asio::io_context& context() { return context_; }
  Executor executor() { return context_.get_executor(); }

  // Runs `program` on this thread until it ends and rethrows its failure. Whatever it started must
  // have been joined by then; what is still queued is dropped with the loop.
  void run(awaitable<void> program);

 private:
  asio::io_context context_;
};

}  // namespace jobengine::runtime
