// Where what an action says goes to: over a socket to the executor (Channel), or to the loop of the
// same process (executor/hosts/shared_host.hpp).
#pragma once

#include <cstddef>
#include <deque>

#include "executor/hosts/host_message.hpp"

namespace jobengine::executor {

class MessageSink {
 public:
  virtual ~MessageSink() = default;
  // Neither blocks nor grows without end, whatever the pace of the other side: see WaitingMessages.
  // [any thread]
  virtual void send(FromHost message) = 0;
};

// What is to be passed on, thinned out: only the last progress and the last status wait, and log
// lines beyond a thousand are dropped and counted. Pure; its owner's mutex guards it.
class WaitingMessages {
 public:
  void add(FromHost message);
  bool empty() const { return waiting_.empty(); }
  // All of them, in order, led by a log line that tells how many lines were dropped; none wait
  // afterwards.
  std::deque<FromHost> take();

 private:
  bool merge(const FromHost& message);

  std::deque<FromHost> waiting_;
  std::size_t logs_ = 0;  // in waiting_
  std::size_t dropped_logs_ = 0;
};

}  // namespace jobengine::executor
