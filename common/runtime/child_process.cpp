#include "common/runtime/child_process.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <set>

#include "common/runtime/failure.hpp"

namespace jobengine::runtime {

std::string ExitStatus::text() const {
  if (signal_number != 0) {
    std::string text = "killed by signal " + std::to_string(signal_number) + " (" +
                       sigdescr_np(signal_number) + ")";
    return core_dumped ? text + ", core dumped" : text;
  }
  return "exited with code " + std::to_string(code);
}

namespace {

// All that were spawned in this process, by whatever loop.
class SpawnedProcesses {
 public:
  void add(pid_t pid) {
    const std::lock_guard lock(mutex_);
    pids_.insert(pid);
  }
  void remove(pid_t pid) {
    const std::lock_guard lock(mutex_);
    pids_.erase(pid);
  }
  bool contains(pid_t pid) {
    const std::lock_guard lock(mutex_);
    return pids_.contains(pid);
  }

 private:
  std::mutex mutex_;
  std::set<pid_t> pids_;
};

// Never destroyed: children may be reaped while the process ends.
SpawnedProcesses& spawned_processes() {
  static auto* const processes = new SpawnedProcesses;
  return *processes;
}

}  // namespace

struct ChildProcess::State {
  explicit State(asio::io_context& loop) : pidfd(loop) {}

  void reap() {
    int raw = 0;
    while (::waitpid(pid, &raw, 0) < 0 && errno == EINTR) {
    }
    spawned_processes().remove(pid);
    if (WIFSIGNALED(raw)) {
      status.signal_number = WTERMSIG(raw);
      status.core_dumped = WCOREDUMP(raw);
    } else {
      status.code = WEXITSTATUS(raw);
    }
    reaped = true;
    exited.raise();
  }

  pid_t pid = -1;
  bool own_group = false;
  bool reaped = false;
  ExitStatus status;
  Event exited;
  asio::posix::stream_descriptor pidfd;
};

namespace {

// Closes a descriptor at the end of the scope.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { reset(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  void reset() {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
  }
  int get() const { return number_; }

 private:
  int number_;
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

// Runs in the child between fork and exec: async-signal-safe calls only. Returns the failed step's
// name. `report` moves out of the way of the descriptors that are put in place.
const char* become(const SpawnRequest& request, pid_t parent, int& report, char* const* argv,
                   char* const* environment) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number : {SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGQUIT}) {
    std::signal(number, SIG_DFL);
  }
  if (request.new_session && ::setsid() < 0) return "start a session";
  if (request.no_new_privileges && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
    return "give up new privileges";
  }
  if (request.credentials) {
    const Credentials& whom = *request.credentials;
    if (::setgroups(whom.groups.size(), whom.groups.data()) < 0) return "set the groups";
    if (::setgid(whom.group) < 0) return "change to the group";
    if (::setuid(whom.user) < 0) return "change to the user";
  }
  // After the change of credentials, which clears it.
  if (request.parent_death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, request.parent_death_signal);
    if (::getppid() != parent) ::_exit(127);  // the parent died before the line above
  }
  if (!request.working_directory.empty() && ::chdir(request.working_directory.c_str()) < 0) {
    return "change to the working directory";
  }
  // First move every source out of the way of the targets, then put each in its place.
  constexpr int out_of_the_way = 200;
  std::array<int, 16> moved{};
  for (std::size_t i = 0; i < request.descriptors.size(); ++i) {
    moved[i] = ::fcntl(request.descriptors[i].first, F_DUPFD_CLOEXEC, out_of_the_way);
    if (moved[i] < 0) return "duplicate a descriptor";
  }
  if (report < out_of_the_way) {
    report = ::fcntl(report, F_DUPFD_CLOEXEC, out_of_the_way);
  }
  ::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
  for (std::size_t i = 0; i < request.descriptors.size(); ++i) {
    if (::dup2(moved[i], request.descriptors[i].second) < 0) return "place a descriptor";
  }
  ::execvpe(argv[0], argv, environment);
  return "execute the program";
}

}  // namespace

ChildProcess::ChildProcess(std::shared_ptr<State> state) : state_(std::move(state)) {}
ChildProcess::ChildProcess(ChildProcess&&) noexcept = default;

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

ChildProcess::~ChildProcess() {
  if (!state_ || state_->reaped) return;
  if (state_->own_group) ::kill(-state_->pid, SIGKILL);
  ::kill(state_->pid, SIGKILL);
  state_->reap();
  boost::system::error_code ignored;
  state_->pidfd.close(ignored);
}

ChildProcess ChildProcess::spawn(asio::io_context& loop, const SpawnRequest& request) {
  JE_CHECK(!request.argv.empty(), "a program to start");
  JE_CHECK(request.descriptors.size() <= 16, "at most 16 descriptors are handed to a child");
  auto state = std::make_shared<State>(loop);
  const auto argv = pointers(request.argv);
  // Points into the request: a copy of the strings would be gone before the child reads them.
  const auto environment =
      request.environment ? pointers(*request.environment) : std::vector<char*>();
  char* const* environment_pointer = request.environment ? environment.data() : environ;

  struct Report {
    int error;
    char step[60];
  };
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) {
    throw Failure("cannot start " + request.argv[0] + ": no pipe: " + std::strerror(errno));
  }
  Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw Failure("cannot start " + request.argv[0] + ": " + std::strerror(errno));
  if (pid == 0) {
    int report_to = write_end.get();
    const char* step = become(request, parent, report_to, argv.data(), environment_pointer);
    Report report{};
    report.error = errno;
    std::strncpy(report.step, step, sizeof report.step - 1);
    // The pipe is close-on-exec, not closed: still ours after a failed exec.
    [[maybe_unused]] auto written = ::write(report_to, &report, sizeof report);
    ::_exit(127);
  }
  write_end.reset();
  spawned_processes().add(pid);
  state->pid = pid;
  state->own_group = request.new_session;
  Report report{};
  ssize_t size = 0;
  do {
    size = ::read(read_end.get(), &report, sizeof report);
  } while (size < 0 && errno == EINTR);
  if (size > 0) {
    state->reap();
    throw Failure("cannot start " + request.argv[0] + ": cannot " + report.step + ": " +
                  std::strerror(report.error));
  }

  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U));
  if (pidfd < 0) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    state->reap();
    throw Failure("cannot watch process " + std::to_string(pid) + ": " + std::strerror(error));
  }
  ::fcntl(pidfd, F_SETFD, FD_CLOEXEC);
  state->pidfd.assign(pidfd);
  auto ended = [state](const boost::system::error_code& cancelled) {
    if (cancelled || state->reaped) return;
    boost::system::error_code ignored;
    state->pidfd.close(ignored);
    // Stray offspring ends with its leader; the leader, not reaped yet, keeps the group's number
    // from reuse.
    if (state->own_group) ::kill(-state->pid, SIGKILL);
    state->reap();
  };
  state->pidfd.async_wait(asio::posix::stream_descriptor::wait_read, ended);
  return ChildProcess(state);
}

pid_t ChildProcess::pid() const {
  return state_->pid;
}
Event& ChildProcess::exited() {
  return state_->exited;
}

bool ChildProcess::is_spawned(pid_t pid) {
  return spawned_processes().contains(pid);
}

const ExitStatus& ChildProcess::status() const {
  JE_CHECK(state_->reaped, "the status of a child that has ended");
  return state_->status;
}

void ChildProcess::signal(int number) {
  if (!state_->reaped) ::kill(state_->pid, number);
}

void ChildProcess::signal_group(int number) {
  JE_CHECK(state_->own_group, "a child with a process group of its own");
  if (!state_->reaped) ::kill(-state_->pid, number);
}

awaitable<ExitStatus> ChildProcess::stop(Duration grace) {
  auto state = state_;
  if (!state->reaped) {
    ::kill(state->own_group ? -state->pid : state->pid, SIGTERM);
    const bool in_time = co_await state->exited.wait_for(grace);
    if (!in_time) ::kill(state->own_group ? -state->pid : state->pid, SIGKILL);
    co_await state->exited.wait();
  }
  co_return state->status;
}

}  // namespace jobengine::runtime
