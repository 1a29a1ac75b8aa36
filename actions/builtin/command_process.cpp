#include "actions/builtin/command_process.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <string_view>
#include <system_error>

#include "actions/builtin/running_command.hpp"

namespace jobengine::actions {

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

// Processes that left the group may hold the output open; they are not waited for any longer than
// this.
constexpr Milliseconds drain_limit{1000};

// To our own stream, which is the log of the job. Nobody there to read it: it is lost.
void pass_on(int stream, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = ::write(stream, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

// Reads what is there; closes at the end of the stream.
void read_some(Descriptor& from, Tail& into, int stream) {
  std::array<char, 65536> buffer;
  const auto count = ::read(from.number(), buffer.data(), buffer.size());
  if (count > 0) {
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
    into.add(bytes);
    pass_on(stream, bytes);
  }
  if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) from.close();
}

// Follows one command to its end.
class Follower {
 public:
  Follower(const Command& command, RunningCommand& running, int stop_descriptor,
           CommandResult& result)
      : command_(command), running_(running), stop_descriptor_(stop_descriptor), result_(result) {
    if (command.timeout) next_ = start_ + *command.timeout;
  }

  void follow() {
    while (!ended_ ||
           (Clock::now() < next_ && (running_.output().open() || running_.errors().open()))) {
      wait_and_read();
      if (ended_) continue;
      if (has_ended_) {
        finish();
      } else if (stop_seen_ && result_.end == CommandEnd::by_itself) {
        ask_to_end(CommandEnd::stopped);
      } else if (Clock::now() >= next_) {
        next_step();
      }
    }
    result_.duration = duration_;
  }

 private:
  void wait_and_read() {
    // A negative descriptor is left out by poll().
    const bool watch_stop = !ended_ && result_.end == CommandEnd::by_itself;
    std::array<pollfd, 4> polled{{{running_.output().number(), POLLIN, 0},
                                  {running_.errors().number(), POLLIN, 0},
                                  {ended_ ? -1 : running_.ended_descriptor(), POLLIN, 0},
                                  {watch_stop ? stop_descriptor_ : -1, POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), wait_milliseconds()) < 0) {
      if (errno == EINTR) return;
      throw std::system_error(errno, std::generic_category(), "poll");
    }
    if (polled[0].revents != 0)
      read_some(running_.output(), result_.standard_output, STDOUT_FILENO);
    if (polled[1].revents != 0) read_some(running_.errors(), result_.standard_error, STDERR_FILENO);
    has_ended_ = polled[2].revents != 0;
    stop_seen_ = polled[3].revents != 0;
  }

  int wait_milliseconds() const {
    if (next_ == Clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<Milliseconds>(next_ - Clock::now()).count();
    return static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX));
  }

  void ask_to_end(CommandEnd why) {
    result_.end = why;
    running_.signal_group(SIGTERM);
    next_ = Clock::now() + command_.grace;
  }

  void next_step() {
    if (result_.end == CommandEnd::by_itself) {
      ask_to_end(CommandEnd::timed_out);
    } else {
      result_.killed = true;
      running_.signal_group(SIGKILL);
      next_ = Clock::time_point::max();
    }
  }

  void finish() {
    const int status = running_.finish();
    if (WIFSIGNALED(status)) {
      result_.signal_number = WTERMSIG(status);
    } else {
      result_.code = WEXITSTATUS(status);
    }
    ended_ = true;
    duration_ = std::chrono::duration_cast<Milliseconds>(Clock::now() - start_);
    next_ = Clock::now() + drain_limit;
  }

  const Command& command_;
  RunningCommand& running_;
  int stop_descriptor_;
  CommandResult& result_;
  Clock::time_point start_ = Clock::now();
  // Of the timeout, then of the kill, then of the output's end.
  Clock::time_point next_ = Clock::time_point::max();
  Milliseconds duration_{0};
  bool has_ended_ = false;
  bool stop_seen_ = false;
  bool ended_ = false;
};

}  // namespace

CommandResult run_command(const Command& command, int stop_descriptor, std::size_t kept_bytes) {
  CommandResult result;
  result.standard_output = Tail(kept_bytes);
  result.standard_error = Tail(kept_bytes);
  RunningCommand running(command);
  Follower(command, running, stop_descriptor, result).follow();
  return result;
}

}  // namespace jobengine::actions
