#include "executor/action_host/message_sink.hpp"

#include <jobengine/plugin_abi.h>

#include <string>
#include <utility>

namespace jobengine::executor {

namespace {

constexpr std::size_t most_waiting_logs = 1000;

}  // namespace

bool WaitingMessages::merge(const FromHost& message) {
  const bool latest_counts = std::holds_alternative<ProgressMessage>(message) ||
                             std::holds_alternative<StatusMessage>(message);
  if (latest_counts) {
    for (FromHost& earlier : waiting_) {
      if (earlier.index() != message.index()) continue;
      earlier = message;
      return true;
    }
  }
  if (std::holds_alternative<LogMessage>(message)) {
    if (logs_ >= most_waiting_logs) {
      ++dropped_logs_;
      return true;
    }
    ++logs_;
  }
  return false;
}

void WaitingMessages::add(FromHost message) {
  if (!merge(message)) waiting_.push_back(std::move(message));
}

std::deque<FromHost> WaitingMessages::take() {
  std::deque<FromHost> taken = std::exchange(waiting_, {});
  logs_ = 0;
  if (const std::size_t dropped = std::exchange(dropped_logs_, 0); dropped > 0) {
    taken.push_front(
        LogMessage{JE_LOG_WARNING, std::to_string(dropped) + " log lines were dropped"});
  }
  return taken;
}

}  // namespace jobengine::executor
