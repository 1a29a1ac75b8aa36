// So many requests at a time, the others in the order in which they came.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>

#include "common/runtime/event.hpp"

namespace jobengine::cimi {

// Lives on the loop. Must outlive its turns.
class RequestTurns {
 public:
  explicit RequestTurns(std::size_t most) : free_(most) {}

  // Wakes all that wait, without a turn; from then on nobody waits.
  void close();

  // Given back at the end of its life.
  class Turn {
   public:
    explicit Turn(RequestTurns& turns) : turns_(turns) {}
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    // False when it has not come by then, or was closed.
    awaitable<bool> await(runtime::TimePoint deadline);

   private:
    RequestTurns& turns_;
    bool has_ = false;
    std::shared_ptr<runtime::Event> called_;  // while it waits; raised: it is our turn
  };

 private:
  void pass_on();

  std::size_t free_;
  bool closed_ = false;
  std::deque<std::shared_ptr<runtime::Event>> waiting_;
};

}  // namespace jobengine::cimi
