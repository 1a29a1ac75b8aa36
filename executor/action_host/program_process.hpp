// The program of an executable action as a child process of its host, in the host's own process
// group: what the executor and the lease guard send to the group reaches the program and what it
// started.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/runtime/child_process.hpp"
#include "executor/action_host/descriptor.hpp"

namespace jobengine::executor {

struct ProgramStart {
  std::vector<std::string> command;  // a name with a slash counts from `folder`, others from PATH
  std::string folder;                // where it runs
  std::vector<std::string> environment;  // "NAME=value"
  int standard_input = -1;               // stays the caller's, as does the next
  int standard_output = -1;
};

class ProgramProcess {
 public:
  // Throws runtime::Failure that names the program, the reason, and what may help.
  explicit ProgramProcess(const ProgramStart& start);
  // Kills and reaps it if it still runs.
  ~ProgramProcess();
  ProgramProcess(const ProgramProcess&) = delete;
  ProgramProcess& operator=(const ProgramProcess&) = delete;

  // Readable when it has ended.
  int ended_descriptor() const { return pidfd_.number(); }
  void kill() const;
  // SIGTERM to it and all in our process group, which this process itself must survive.
  void terminate() const;
  // Waits for its end.
  runtime::ExitStatus finish();

 private:
  pid_t pid_ = -1;
  Descriptor pidfd_;
};

// Once in a process that runs programs: what they leave behind becomes this process's child, and
// SIGTERM, meant for them, does not end it, nor does a pipe nobody reads.
void prepare_for_programs();

// Kills all children of this process, and theirs, until there are none.
void kill_offspring();

}  // namespace jobengine::executor
