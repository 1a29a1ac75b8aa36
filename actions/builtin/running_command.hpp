// A command between its start and its end, with everything that hangs on it: the child in a session
// of its own, the ends of its output, and a guard process that ends the group should this process
// die. Whatever happens, nothing of it is left when the object ends.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <utility>

#include "actions/builtin/command_process.hpp"

namespace jobengine::actions {

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

class RunningCommand {
 public:
  // Returns when the program was executed. Throws CommandNotStarted when it cannot be,
  // std::system_error when the system has no means left for it.
  explicit RunningCommand(const Command& command);
  RunningCommand(const RunningCommand&) = delete;
  RunningCommand& operator=(const RunningCommand&) = delete;
  ~RunningCommand();

  // Readable when the command has ended.
  int ended_descriptor() const { return pidfd_.number(); }
  // The reading ends.
  Descriptor& output() { return output_; }
  Descriptor& errors() { return errors_; }
  void signal_group(int number) const;

  // Only when it has ended: kills what is left of its group and returns its wait status.
  int finish();

 private:
  struct Pipe;
  void start(const Command& command, Pipe& failure, Pipe& start_signal);
  void start_guard(Pipe& lifeline);
  void dismiss_guard();

  pid_t pid_ = -1;
  pid_t guard_ = -1;
  Descriptor pidfd_;
  Descriptor output_;
  Descriptor errors_;
  Descriptor lifeline_;
};

}  // namespace jobengine::actions
