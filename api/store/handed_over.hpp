// Work that a coroutine has handed to another thread, and waits for.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>

#include "common/runtime/asio.hpp"

namespace jobengine::api::store {

// Shared by the coroutine and the thread. When the coroutine is destroyed before the work is done
// (its loop has ended for good), nothing reaches for its loop any more.
class HandedOver : public std::enable_shared_from_this<HandedOver> {
 public:
  explicit HandedOver(runtime::Executor executor) : executor_(std::move(executor)) {}

  // [the other thread] Whether the work is still wanted; from now on it is waited for to its end.
  bool begin();
  // [the other thread] Once: wakes the coroutine, which rethrows the failure if there is one.
  void finish(std::exception_ptr failure);
  // [any thread] The work should end early: nobody needs it any more.
  void give_up() { given_up_ = true; }
  // Whether that is so. [any thread]
  const std::atomic<bool>& given_up() const { return given_up_; }

  // [the coroutine] Once: returns when the work is done, on the loop it began on. False when it had
  // not even begun after `longest_wait`; it never will then.
  awaitable<bool> finished(std::optional<runtime::Duration> longest_wait);

 private:
  class Waiting;
  void wake(std::exception_ptr failure);
  bool give_up_unless_begun();

  const runtime::Executor executor_;
  std::atomic<bool> given_up_ = false;

  std::mutex mutex_;  // guards the next two
  bool begun_ = false;
  bool loop_gone_ = false;

  // Loop only.
  asio::steady_timer* timer_ = nullptr;  // of the coroutine; cancelled to wake it
  bool done_ = false;
  std::exception_ptr failure_;
};

}  // namespace jobengine::api::store
