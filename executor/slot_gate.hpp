// Which of the entries that were taken may begin: as many as there are slots; and how many more are
// taken and read ahead of a free slot, so that jobs that take no time find the next one ready.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include "common/runtime/event.hpp"

namespace jobengine::executor {

// Lives on the loop. Who comes first enters first.
class SlotGate {
 public:
  explicit SlotGate(std::size_t slots) : free_(slots) {}

  // False: `stop` was raised, or no slot was free within `patience`. A free slot is entered
  // whatever `stop` says.
  awaitable<bool> enter(runtime::Event& stop, runtime::Duration patience);
  void leave();

  std::size_t free() const { return free_; }
  std::size_t waiting() const { return waiting_.size(); }

 private:
  std::size_t free_;
  std::deque<std::shared_ptr<runtime::Event>> waiting_;
};

// Whether jobs are so short at present that more of them than there are slots will begin very soon.
// Until that is known, and as soon as one of them lasts, they are not: what is taken ahead could
// have begun at once on another executor. Pure.
class RefillPace {
 public:
  explicit RefillPace(std::size_t slots) : slots_(slots) {}

  // For so long a job had a slot.
  void slot_left(runtime::Duration busy);
  // What was taken ahead had to be given back.
  void kept_waiting() { mean_ = longest; }
  // To be called now and then: what was short a while ago tells nothing of what comes.
  void look();

  // How many may be taken ahead.
  std::size_t ahead() const { return mean_ < short_enough ? slots_ / 2 + 1 : 0; }

 private:
  static constexpr runtime::Duration longest = std::chrono::seconds(1);
  static constexpr runtime::Duration short_enough = std::chrono::milliseconds(50);

  std::size_t slots_;
  runtime::Duration mean_ = longest;  // of the recent ones, each counted as `longest` at most
  bool news_ = false;                 // since the last look
};

}  // namespace jobengine::executor
