// Structured concurrency: every coroutine of the engine belongs to a group that somebody joins.
#pragma once

#include <cstddef>
#include <exception>
#include <memory>

#include "common/runtime/asio.hpp"

namespace jobengine::runtime {

// Lives on the loop. Owns coroutines: what they refer to must live until join() has returned.
class TaskGroup {
 public:
  explicit TaskGroup(Executor loop);
  // Every coroutine must have ended (join() returned), except when the loop itself has stopped for
  // good.
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Starts `coroutine` soon, on the loop. Its exception is kept for join() unless an earlier one
  // is.
  void spawn(awaitable<void> coroutine);

  // Returns when no coroutine is left and rethrows the first failure. The group can be used again
  // then.
  awaitable<void> join();

  std::size_t running() const;

 private:
  struct State;
  Executor loop_;
  std::shared_ptr<State>
      state_;  // shared with the completion handlers, which may outlive a dead loop
};

}  // namespace jobengine::runtime
