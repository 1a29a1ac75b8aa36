// The host's end of the conversation with the executor, over an inherited socket. A thread reads, a
// thread writes, so that neither the plugin nor the executor can block the other.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "executor/action_host/message_sink.hpp"
#include "executor/hosts/host_message.hpp"

namespace jobengine::executor {

class Channel final : public MessageSink {
 public:
  using Receiver = std::function<void(ToHost)>;

  // `receive` is called on the reading thread. When the executor is gone, or talks nonsense, the
  // process ends with all it started: nobody is left to take the result.
  Channel(int descriptor, Receiver receive);
  ~Channel() override;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void send(FromHost message) override;
  // Returns when everything sent so far is written. [any thread]
  void flush();

 private:
  void read_messages();
  void write_messages();

  int descriptor_;
  Receiver receive_;

  std::mutex mutex_;  // guards what is below
  std::condition_variable changed_;
  WaitingMessages waiting_;
  bool writing_ = false;

  std::thread reader_;
  std::thread writer_;
};

}  // namespace jobengine::executor
