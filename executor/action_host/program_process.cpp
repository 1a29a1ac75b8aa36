#include "executor/action_host/program_process.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

namespace fs = std::filesystem;
using runtime::Failure;

[[noreturn]] void fail(const std::string& what, int error) {
  throw Failure(what + ": " + std::strerror(error));
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  // exec takes char* for historical reasons and changes nothing.
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

std::string path_of(const std::vector<std::string>& environment) {
  constexpr std::string_view name = "PATH=";
  for (const std::string& variable : environment) {
    if (variable.starts_with(name)) return variable.substr(name.size());
  }
  return "/usr/local/bin:/usr/bin:/bin";
}

std::string program_file(const ProgramStart& start) {
  const std::string& name = start.command.front();
  if (name.find('/') != std::string::npos) return (fs::path(start.folder) / name).string();
  const std::string path = path_of(start.environment);
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string folder = path.substr(begin, end - begin);
    const fs::path file = fs::path(folder.empty() ? start.folder : folder) / name;
    std::error_code ignored;
    if (::access(file.c_str(), X_OK) == 0 && !fs::is_directory(file, ignored)) return file.string();
    begin = end + 1;
  }
  throw Failure("cannot start " + name +
                ": it is not in PATH (a program beside the manifest is written \"./" + name +
                "\" in its command)");
}

std::string start_failure(const std::string& file, const std::string& folder, int error) {
  std::string reason = std::strerror(error);
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) {
    reason = "its folder " + folder + " cannot be entered: " + reason;
  } else if (error == ENOENT && fs::exists(file, ignored)) {
    reason += " (the interpreter its first line names)";
  } else if (error == EACCES) {
    reason += " (is it executable? chmod +x)";
  } else if (error == ENOEXEC) {
    reason += " (a script must begin with a line like #!/bin/sh)";
  }
  return "cannot start " + file + ": " + reason;
}

// ---- in the child, between fork and exec: only async-signal-safe calls, no allocation.

struct ChildPlan {
  const char* file;
  const char* folder;
  char** argv;
  char** environment;
  int input;
  int output;
  int failure;
  pid_t parent;
};

[[noreturn]] void become_program(const ChildPlan& plan) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(127);
  struct sigaction usual{};
  usual.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &usual, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool ready = ::dup2(plan.input, STDIN_FILENO) >= 0 &&
                     ::dup2(plan.output, STDOUT_FILENO) >= 0 && ::chdir(plan.folder) == 0;
  if (ready) {
    // Whatever a library of ours opened without the flag.
    ::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
    ::execve(plan.file, plan.argv, plan.environment);
  }
  const int error = errno;
  [[maybe_unused]] const auto written = ::write(plan.failure, &error, sizeof error);
  ::_exit(127);
}

// ---- in this process

// So that none of the child's descriptors is in the way of another.
Descriptor above_standard(int number) {
  Descriptor copy(::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!copy.open()) fail("cannot duplicate a descriptor", errno);
  return copy;
}

void survive(int) {}

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  std::error_code error;
  for (fs::directory_iterator it("/proc/self/task", error), end; !error && it != end;
       it.increment(error)) {
    std::ifstream list(it->path() / "children");
    for (pid_t pid = 0; list >> pid;) found.push_back(pid);
  }
  return found;
}

}  // namespace

ProgramProcess::ProgramProcess(const ProgramStart& start) {
  const std::string file = program_file(start);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("cannot make a pipe", errno);
  const Descriptor failure_read(ends[0]);
  Descriptor failure_write(ends[1]);
  Descriptor failure_end = above_standard(failure_write.number());
  failure_write.close();
  const Descriptor input = above_standard(start.standard_input);
  const Descriptor output = above_standard(start.standard_output);
  auto argv = pointers(start.command);
  auto environment = pointers(start.environment);
  const ChildPlan plan{
      file.c_str(),   start.folder.c_str(), argv.data(),          environment.data(),
      input.number(), output.number(),      failure_end.number(), ::getpid()};
  pid_ = ::fork();
  if (pid_ < 0) fail("cannot make a process", errno);
  if (pid_ == 0) become_program(plan);
  pidfd_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0U)));
  const int pidfd_error = errno;
  failure_end.close();
  int error = 0;
  ssize_t size = 0;
  do {
    size = ::read(failure_read.number(), &error, sizeof error);
  } while (size < 0 && errno == EINTR);
  if (size > 0) {
    finish();
    throw Failure(start_failure(file, start.folder, error));
  }
  if (!pidfd_.open()) {
    kill();
    finish();
    fail("cannot watch a process", pidfd_error);
  }
}

ProgramProcess::~ProgramProcess() {
  if (pid_ <= 0) return;
  kill();
  finish();
}

void ProgramProcess::kill() const {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
}

void ProgramProcess::terminate() const {
  // Started by hand, without a session of its own, the group is somebody else's too.
  if (::getpgrp() == ::getpid()) {
    ::kill(0, SIGTERM);
  } else if (pid_ > 0) {
    ::kill(pid_, SIGTERM);
  }
}

runtime::ExitStatus ProgramProcess::finish() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  runtime::ExitStatus end;
  if (WIFSIGNALED(status)) {
    end.signal_number = WTERMSIG(status);
    end.core_dumped = WCOREDUMP(status);
  } else {
    end.code = WEXITSTATUS(status);
  }
  return end;
}

void prepare_for_programs() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  struct sigaction action{};
  // A handler and not SIG_IGN: programs inherit what is ignored, but no handlers.
  action.sa_handler = survive;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGPIPE, &action, nullptr);
}

void kill_offspring() {
  constexpr int most_rounds = 1000;  // a fork bomb is the limits' business
  for (int round = 0; round < most_rounds; ++round) {
    const std::vector<pid_t> left = children();
    if (left.empty()) return;
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    for (const pid_t pid : left) {
      while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
  }
}

}  // namespace jobengine::executor
