#include "actions/builtin/running_command.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <system_error>

namespace jobengine::actions {

struct RunningCommand::Pipe {
  explicit Pipe(const std::array<int, 2>& ends) : read_end(ends[0]), write_end(ends[1]) {}
  Descriptor read_end;
  Descriptor write_end;
};

namespace {

[[noreturn]] void throw_errno(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
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
  int start;  // a byte arrives here when the guard stands
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

// False at the end of the stream.
bool read_byte(int from) {
  char byte = 0;
  ssize_t count = 0;
  do {
    count = ::read(from, &byte, 1);
  } while (count < 0 && errno == EINTR);
  return count == 1;
}

void send_byte(int to) {
  const char byte = 0;
  [[maybe_unused]] const auto sent = ::send(to, &byte, 1, MSG_NOSIGNAL);
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
  const auto [low, high] =
      std::minmax({static_cast<unsigned>(plan.failure), static_cast<unsigned>(plan.start)});
  close_range(3, low - 1);
  close_range(low + 1, high - 1);
  close_range(high + 1, UINT_MAX);
  // No guard, no command: nothing of it runs that could outlive this process's parent.
  if (!read_byte(plan.start)) ::_exit(127);
  ::close(plan.start);
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
  send_byte(lifeline);  // it stands
  if (!read_byte(lifeline)) ::kill(-group, SIGKILL);
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

// A socket pair where writing may find the other end gone: no SIGPIPE there.
enum class PipeKind { plain, socket };

std::array<int, 2> make_ends(PipeKind kind) {
  std::array<int, 2> ends{};
  const int result = kind == PipeKind::plain
                         ? ::pipe2(ends.data(), O_CLOEXEC)
                         : ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data());
  if (result != 0) throw_errno("pipe");
  return ends;
}

}  // namespace

RunningCommand::RunningCommand(const Command& command) {
  Pipe failure(make_ends(PipeKind::plain));
  Pipe lifeline(make_ends(PipeKind::socket));
  Pipe start_signal(make_ends(PipeKind::socket));
  start(command, failure, start_signal);
  start_guard(lifeline);
  failure.write_end.close();
  send_byte(start_signal.write_end.number());
  StartFailure told{};
  ssize_t count = 0;
  do {
    count = ::read(failure.read_end.number(), &told, sizeof told);
  } while (count < 0 && errno == EINTR);
  if (count != 0) {
    reap(std::exchange(pid_, -1));
    dismiss_guard();
    throw CommandNotStarted(start_failure_text(command, told), told.error);
  }
}

RunningCommand::~RunningCommand() {
  if (pid_ > 0) {
    signal_group(SIGKILL);
    reap(pid_);
  }
  dismiss_guard();
}

void RunningCommand::signal_group(int number) const {
  ::kill(-pid_, number);
}

int RunningCommand::finish() {
  // As long as it is not reaped its number, and with it the group's, belongs to it.
  signal_group(SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  dismiss_guard();
  return status;
}

void RunningCommand::start(const Command& command, Pipe& failure, Pipe& start_signal) {
  auto argv = pointers(command.argv);
  auto environment = pointers(command.environment);
  Descriptor input = above_standard(input_file(command.input));
  Pipe output(make_ends(PipeKind::plain));
  Pipe errors(make_ends(PipeKind::plain));
  output.write_end = above_standard(std::move(output.write_end));
  errors.write_end = above_standard(std::move(errors.write_end));
  failure.write_end = above_standard(std::move(failure.write_end));
  start_signal.read_end = above_standard(std::move(start_signal.read_end));
  const ChildPlan plan{
      command.program.c_str(),
      argv.data(),
      environment.data(),
      command.working_directory.empty() ? nullptr : command.working_directory.c_str(),
      input.number(),
      output.write_end.number(),
      errors.write_end.number(),
      failure.write_end.number(),
      start_signal.read_end.number(),
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

void RunningCommand::start_guard(Pipe& lifeline) {
  guard_ = ::fork();
  if (guard_ == 0) become_guard(lifeline.read_end.number(), pid_);
  if (guard_ < 0) {
    const int error = errno;
    ::kill(pid_, SIGKILL);  // it may have no group yet
    reap(std::exchange(pid_, -1));
    throw std::system_error(error, std::generic_category(), "fork");
  }
  lifeline_ = std::move(lifeline.write_end);
  lifeline.read_end.close();
  // Before it stands in a session of its own, it could be killed along with this process.
  read_byte(lifeline_.number());
}

void RunningCommand::dismiss_guard() {
  if (guard_ <= 0) return;
  send_byte(lifeline_.number());
  lifeline_.close();
  reap(std::exchange(guard_, -1));
}

}  // namespace jobengine::actions
