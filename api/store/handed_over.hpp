// Work that a coroutine has handed to another thread, and waits for.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "common/runtime/asio.hpp"

namespace jobengine::api::store {

// Shared by the coroutine and the thread. When the coroutine is destroyed before the work is done
// (its loop has ended for good), nothing reaches for its loop any more.
class HandedOver : public std::enable_shared_from_this<HandedOver> {
 public:
  enum class Outcome {
    Done,
    NeverBegun,   // and it never will
    NotEndedYet,  // it has reached end_alone(), and ends unseen
  };
  // How long the coroutine waits; nothing: as long as it takes.
  struct Patience {
    std::optional<runtime::Duration> beginning;
    std::optional<runtime::Duration> end;  // counted from the same moment
  };

  explicit HandedOver(runtime::Executor executor) : executor_(std::move(executor)) {}

  // [the other thread] Whether the work is still wanted; from now on it is waited for, at least to
  // end_alone(). Once.
  bool begin();
  // [the other thread] What is left to do needs nothing of the coroutine any more.
  void end_alone();
  // [the other thread] Once: wakes the coroutine, which rethrows the failure if there is one.
  void finish(std::exception_ptr failure);
  // The same for many: each loop is woken once.
  struct Finished {
    std::shared_ptr<HandedOver> work;
    std::exception_ptr failure;
  };
  static void finish(std::vector<Finished> all);
  // [any thread] The work should end early: nobody needs it any more.
  void give_up() { given_up_ = true; }
  // Whether that is so. [any thread]
  const std::atomic<bool>& given_up() const { return given_up_; }

  // [the coroutine] Once: returns on the loop it began on.
  awaitable<Outcome> finished(Patience patience);

 private:
  enum class Phase { Waiting, Begun, EndsAlone };
  class Waiting;
  void wake(std::exception_ptr failure);
  // False when the loop is gone; nothing was told then.
  bool tell(std::shared_ptr<const std::vector<Finished>> all);
  // What it has come to when the coroutine has waited until `now`.
  std::optional<Outcome> judge(const Patience& patience, runtime::TimePoint start,
                               runtime::TimePoint now);

  const runtime::Executor executor_;
  std::atomic<bool> given_up_ = false;

  std::mutex mutex_;  // guards the next two
  Phase phase_ = Phase::Waiting;
  bool loop_gone_ = false;

  // Loop only.
  asio::steady_timer* timer_ = nullptr;  // of the coroutine; cancelled to wake it
  bool done_ = false;
  std::exception_ptr failure_;
};

}  // namespace jobengine::api::store
