// SIGTERM and SIGINT as events: the first asks to stop, the second to stop at once.
#pragma once

#include <memory>

#include "common/runtime/event.hpp"

namespace jobengine::runtime {

// Lives on the loop. Create it before anything that takes long, so that no signal finds the default
// action.
class StopSignal {
 public:
  explicit StopSignal(asio::io_context& loop);
  ~StopSignal();

  Event& requested() { return requested_; }
  Event& at_once() { return at_once_; }

  // What a signal does; also for a stop that comes from inside the program.
  void request();

 private:
  void listen();

  struct Signals;
  Event requested_;
  Event at_once_;
  std::unique_ptr<Signals> signals_;
};

}  // namespace jobengine::runtime
