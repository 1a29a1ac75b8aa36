// The host's end of the conversation with the executor, over an inherited socket. A thread reads, a
// thread writes, so that neither the plugin nor the executor can block the other.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "executor/hosts/host_message.hpp"

namespace jobengine::executor {

class Channel {
 public:
  using Receiver = std::function<void(ToHost)>;

  // `receive` is called on the reading thread. When the executor is gone, or talks nonsense, the
  // process ends with all it started: nobody is left to take the result.
  Channel(int descriptor, Receiver receive);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Neither blocks. What does not fit into the executor's pace is thinned out: only the last
  // progress and the last status wait, and log lines beyond a limit are dropped and counted.
  // [any thread]
  void send(FromHost message);
  // Returns when everything sent so far is written. [any thread]
  void flush();

 private:
  void read_messages();
  void write_messages();
  bool merge(const FromHost& message);

  int descriptor_;
  Receiver receive_;

  std::mutex mutex_;  // guards what is below
  std::condition_variable changed_;
  std::deque<FromHost> waiting_;
  std::size_t waiting_logs_ = 0;
  std::size_t dropped_logs_ = 0;
  bool writing_ = false;

  std::thread reader_;
  std::thread writer_;
};

}  // namespace jobengine::executor
