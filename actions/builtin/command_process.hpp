// One command run as a child process in a session and process group of its own: its output is kept,
// and it is ended with all of its group when it is to stop, when its time is over, and when this
// process dies.
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "actions/builtin/text.hpp"

namespace jobengine::actions {

struct Command {
  std::string program;                   // the file to execute
  std::vector<std::string> argv;         // what it is told, its own name first
  std::vector<std::string> environment;  // "NAME=value"
  std::string working_directory;         // empty: ours
  std::string input;                     // its standard input
  std::optional<std::chrono::milliseconds> timeout;
  std::chrono::milliseconds grace{5000};  // between SIGTERM and SIGKILL
};

enum class CommandEnd {
  by_itself,  // or by a signal of somebody else
  timed_out,
  stopped  // on request
};

struct CommandResult {
  CommandEnd end = CommandEnd::by_itself;
  int code = 0;           // of a normal exit
  int signal_number = 0;  // the signal that ended it, or 0
  bool killed = false;    // SIGTERM was not enough
  std::chrono::milliseconds duration{0};
  Tail standard_output;
  Tail standard_error;
};

// The command could not be started; the text says why.
class CommandNotStarted : public std::runtime_error {
 public:
  CommandNotStarted(const std::string& text, int error) : std::runtime_error(text), error_(error) {}
  int error() const noexcept { return error_; }  // errno

 private:
  int error_;
};

// Blocks until the command has ended. Asks its group to end (SIGTERM, after the grace SIGKILL) when
// `stop_descriptor` becomes readable or its time is over. What is left of the group when the
// command itself ends is killed. Keeps the last `kept_bytes` of each output stream.
CommandResult run_command(const Command& command, int stop_descriptor, std::size_t kept_bytes);

}  // namespace jobengine::actions
