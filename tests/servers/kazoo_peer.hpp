// A Python process that shares queues and elections with us through python3-kazoo (kazoo_peer.py).
#pragma once

#include <memory>
#include <string>

#include "common/runtime/child_process.hpp"

namespace jobengine::tests {

// Lives on the loop. Killed at the end of its life.
class KazooPeer {
 public:
  // Connects to `hosts` ("127.0.0.1:2181/chroot"; the chroot must exist). Throws Failure.
  static awaitable<KazooPeer> start(std::string hosts);

  // Sends a command and returns the answer. The commands are the methods of the script.
  awaitable<std::string> ask(std::string command);
  // The next line it says by itself.
  awaitable<std::string> next_line();

  void kill();  // SIGKILL: its session ends when its timeout is over

 private:
  struct State;
  explicit KazooPeer(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace jobengine::tests
