#include "actions/builtin/command_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <system_error>
#include <utility>

namespace jobengine::actions {

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

// Processes that left the group may hold the output open; they are not waited for any longer than
// this.
constexpr Milliseconds drain_limit{1000};

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  int number() const { return number_; }
  bool open() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("pipe2");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

// A file in memory: however long the input is and whether or not it is read, nobody waits for the
// other.
Descriptor input_file(const std::string& input) {
  Descriptor file(::memfd_create("stdin", MFD_CLOEXEC));
  if (!file.open()) throw_errno("memfd_create");
  for (std::size_t written = 0; written < input.size();) {
    const auto count = ::write(file.number(), input.data() + written, input.size() - written);
    if (count < 0) throw_errno("writing the standard input");
    written += static_cast<std::size_t>(count);
  }
  if (::lseek(file.number(), 0, SEEK_SET) != 0) throw_errno("lseek");
  return file;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> list;
  // exec takes char* for historical reasons and changes nothing.
  for (const auto& text : strings) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

// ---- in the child, between fork and exec: only async-signal-safe calls, no allocation.

enum class Step { working_directory, execution };

struct StartFailure {
  Step step;
  int error;
};

struct ChildPlan {
  const char* program;
  char** argv;
  char** environment;
  const char* working_directory;  // nullptr: ours
  int input;
  int output;
  int errors;
  int failure;
  pid_t parent;
};

void default_signals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

void close_range(unsigned first, unsigned last) {
  if (first > last || ::syscall(SYS_close_range, first, last, 0U) == 0) return;
  constexpr unsigned enough = 65536;  // kernels without close_range
  for (unsigned number = first; number <= std::min(last, enough); ++number) {
    ::close(static_cast<int>(number));
  }
}

[[noreturn]] void report_failure(const ChildPlan& plan, Step step) {
  const StartFailure failure{step, errno};
  [[maybe_unused]] const auto written = ::write(plan.failure, &failure, sizeof failure);
  ::_exit(127);
}

[[noreturn]] void become_command(const ChildPlan& plan) {
  // A session of its own: no terminal to ask for passwords, and one group to signal.
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(127);
  default_signals();
  // The descriptors are 3 or higher (see above_standard), so none of these overwrites another.
  ::dup2(plan.input, STDIN_FILENO);
  ::dup2(plan.output, STDOUT_FILENO);
  ::dup2(plan.errors, STDERR_FILENO);
  const auto failure = static_cast<unsigned>(plan.failure);
  close_range(3, failure - 1);
  close_range(failure + 1, UINT_MAX);
  if (plan.working_directory != nullptr && ::chdir(plan.working_directory) != 0) {
    report_failure(plan, Step::working_directory);
  }
  ::execve(plan.program, plan.argv, plan.environment);
  report_failure(plan, Step::execution);
}

// Waits for the end of `lifeline`. A byte before it: all is well. None: this process's parent died,
// and the group must not outlive it.
[[noreturn]] void become_guard(int lifeline, pid_t group) {
  ::setsid();
  default_signals();
  const auto kept = static_cast<unsigned>(lifeline);
  if (kept > 0) close_range(0, kept - 1);
  close_range(kept + 1, UINT_MAX);
  char byte = 0;
  ssize_t count = 0;
  do {
    count = ::read(lifeline, &byte, 1);
  } while (count < 0 && errno == EINTR);
  if (count == 0) ::kill(-group, SIGKILL);
  ::_exit(0);
}

// ---- in this process

Descriptor above_standard(Descriptor descriptor) {
  if (descriptor.number() > STDERR_FILENO) return descriptor;
  Descriptor moved(::fcntl(descriptor.number(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!moved.open()) throw_errno("fcntl");
  return moved;
}

void reap(pid_t child) {
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::string start_failure_text(const Command& command, const StartFailure& failure) {
  const std::string reason = std::generic_category().message(failure.error);
  if (failure.step == Step::working_directory) {
    return "cannot enter the working directory " + command.working_directory + ": " + reason;
  }
  return "cannot execute " + command.program + ": " + reason;
}

// The running command with everything that hangs on it. Whatever happens, nothing of it is left
// when this ends.
class RunningCommand {
 public:
  explicit RunningCommand(const Command& command) {
    Pipe failure = make_pipe();
    Pipe lifeline = make_pipe();
    start(command, failure);
    failure.write_end.close();
    StartFailure told{};
    ssize_t count = 0;
    do {
      count = ::read(failure.read_end.number(), &told, sizeof told);
    } while (count < 0 && errno == EINTR);
    if (count != 0) {
      reap(std::exchange(pid_, -1));
      throw CommandNotStarted(start_failure_text(command, told), told.error);
    }
    start_guard(lifeline);
  }
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;
  ~RunningCommand() {
    if (pid_ > 0) {
      signal_group(SIGKILL);
      reap(pid_);
    }
    dismiss_guard();
  }

  int ended_descriptor() const { return pidfd_.number(); }
  Descriptor& output() { return output_; }
  Descriptor& errors() { return errors_; }
  void signal_group(int number) const { ::kill(-pid_, number); }

  // Only when it has ended. As long as it is not reaped its number, and with it the group's,
  // belongs to it.
  int finish() {
    signal_group(SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    dismiss_guard();
    return status;
  }

 private:
  void start(const Command& command, Pipe& failure) {
    auto argv = pointers(command.argv);
    auto environment = pointers(command.environment);
    Descriptor input = above_standard(input_file(command.input));
    Pipe output = make_pipe();
    Pipe errors = make_pipe();
    output.write_end = above_standard(std::move(output.write_end));
    errors.write_end = above_standard(std::move(errors.write_end));
    failure.write_end = above_standard(std::move(failure.write_end));
    const ChildPlan plan{
        command.program.c_str(),
        argv.data(),
        environment.data(),
        command.working_directory.empty() ? nullptr : command.working_directory.c_str(),
        input.number(),
        output.write_end.number(),
        errors.write_end.number(),
        failure.write_end.number(),
        ::getpid()};
    pid_ = ::fork();
    if (pid_ < 0) throw_errno("fork");
    if (pid_ == 0) become_command(plan);
    pidfd_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U)));
    if (!pidfd_.open()) {
      const int error = errno;
      ::kill(pid_, SIGKILL);
      reap(std::exchange(pid_, -1));
      throw std::system_error(error, std::generic_category(), "pidfd_open");
    }
    output_ = std::move(output.read_end);
    errors_ = std::move(errors.read_end);
  }

  void start_guard(Pipe& lifeline) {
    guard_ = ::fork();
    if (guard_ == 0) become_guard(lifeline.read_end.number(), pid_);
    if (guard_ < 0) {
      const int error = errno;
      signal_group(SIGKILL);
      reap(std::exchange(pid_, -1));
      throw std::system_error(error, std::generic_category(), "fork");
    }
    lifeline_ = std::move(lifeline.write_end);
  }

  void dismiss_guard() {
    if (guard_ <= 0) return;
    const char byte = 0;
    [[maybe_unused]] const auto written = ::write(lifeline_.number(), &byte, 1);
    lifeline_.close();
    reap(std::exchange(guard_, -1));
  }

  pid_t pid_ = -1;
  pid_t guard_ = -1;
  Descriptor pidfd_;
  Descriptor output_;
  Descriptor errors_;
  Descriptor lifeline_;
};

// Reads what is there; closes at the end of the stream.
void read_some(Descriptor& from, Tail& into) {
  std::array<char, 65536> buffer;
  const auto count = ::read(from.number(), buffer.data(), buffer.size());
  if (count > 0) into.add({buffer.data(), static_cast<std::size_t>(count)});
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
      throw_errno("poll");
    }
    if (polled[0].revents != 0) read_some(running_.output(), result_.standard_output);
    if (polled[1].revents != 0) read_some(running_.errors(), result_.standard_error);
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
