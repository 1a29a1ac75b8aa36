// A flag that coroutines of one loop can wait for. Boost 1.74 has no channel; this is what we build
// on.
#pragma once

#include <memory>

#include "common/runtime/asio.hpp"

namespace jobengine::runtime {

// Lives on the loop. Level-triggered: stays raised until reset(). Any number of coroutines may
// wait; raise() wakes all of them. May be destroyed while coroutines wait: those then sleep until
// their deadline.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void raise();
  void reset();
  bool raised() const;

  // Returns true as soon as the event is raised, false when `deadline` passes first.
  awaitable<bool> wait_until(TimePoint deadline);
  awaitable<bool> wait_for(Duration limit);
  awaitable<void> wait();

  // Waits for either of two events, e.g. "changed" and "stop"; false when `deadline` passes first.
  // The caller looks at raised() to see which it was. Both must outlive the wait.
  static awaitable<bool> wait_either(Event& first, Event& second, TimePoint deadline);

 private:
  struct Waiters;
  std::shared_ptr<Waiters>
      waiters_;  // shared with waiting coroutines, so that either may end first
};

// Suspends for `time`, or until `interrupted` is raised; returns true if it was interrupted.
awaitable<bool> pause(Duration time, Event& interrupted);

}  // namespace jobengine::runtime
