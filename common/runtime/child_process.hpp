// A child process whose end is an event of the loop (pidfd); no SIGCHLD handler, no thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/runtime/event.hpp"

namespace jobengine::runtime {

struct ExitStatus {
  int code = 0;           // of a normal exit
  int signal_number = 0;  // the signal that ended it, or 0
  bool core_dumped = false;

  bool success() const { return code == 0 && signal_number == 0; }
  // "exited with code 3", "killed by signal 11 (Segmentation fault)"
  std::string text() const;
};

// Whom a child becomes. Needs CAP_SETUID and CAP_SETGID; to signal it afterwards, CAP_KILL.
struct Credentials {
  uid_t user = 0;
  gid_t group = 0;
  std::vector<gid_t> groups;  // the supplementary ones
};

struct SpawnRequest {
  // argv[0] without a slash is looked up in PATH.
  std::vector<std::string> argv;
  // "NAME=value" strings; none means a copy of our own environment.
  std::optional<std::vector<std::string>> environment;
  // Empty: ours.
  std::string working_directory;
  // {descriptor here, number there}. Everything else but 0, 1 and 2 is closed in the child.
  std::vector<std::pair<int, int>> descriptors;
  // A session and process group of its own, so that signal_group() reaches all of its offspring;
  // what is left of the group when the child ends is killed.
  bool new_session = false;
  std::optional<Credentials> credentials;  // none: ours
  // Nothing it executes gains rights by set-user-id bits or file capabilities, ever.
  bool no_new_privileges = false;
  // Sent by the kernel to the child when the *thread* that spawned it ends; 0: none.
  int parent_death_signal = 0;
};

// Lives on the loop.
class ChildProcess {
 public:
  // Throws Failure when the program cannot be started (naming it and the reason); no child is left
  // then.
  static ChildProcess spawn(asio::io_context& loop, const SpawnRequest& request);

  ChildProcess(ChildProcess&&) noexcept;
  ChildProcess& operator=(ChildProcess&&) noexcept;
  // Kills (SIGKILL, the whole group if it has its own) and reaps what still runs.
  ~ChildProcess();

  pid_t pid() const;
  // Raised once the child has ended and was reaped.
  Event& exited();
  // Only after exited() was raised.
  const ExitStatus& status() const;

  // Sends a signal; nothing happens when the child has been reaped already.
  void signal(int number);
  // To the child's process group; needs new_session.
  void signal_group(int number);

  // Whether a process is a child that was spawned here and is not reaped yet. [any thread]
  static bool is_spawned(pid_t pid);

  // Asks with SIGTERM, and with SIGKILL when `grace` has passed; returns after the child was
  // reaped.
  awaitable<ExitStatus> stop(Duration grace);

 private:
  struct State;
  explicit ChildProcess(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;  // shared with the pidfd's completion handler
};

}  // namespace jobengine::runtime
