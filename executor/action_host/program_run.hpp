// One run of an executable action: its program is started, what it says is passed to the engine and
// what the engine says to it, until it has ended.
#pragma once

#include <jobengine/plugin_abi.h>

#include <chrono>
#include <optional>
#include <string>

#include "executor/action_host/call_workers.hpp"
#include "executor/action_host/program_process.hpp"
#include "executor/action_host/program_protocol.hpp"
#include "executor/hosts/host_message.hpp"

namespace jobengine::executor {

// On the action thread, for one run. Protocol json-lines.
class ProgramRun {
 public:
  ProgramRun(const je_host& host, je_job* job);
  ProgramRun(const ProgramRun&) = delete;
  ProgramRun& operator=(const ProgramRun&) = delete;

  // Returns the return code, the outcome set. Throws runtime::Failure when the program cannot be
  // started.
  std::int32_t run(ProgramStart start, const ProgramJob& job);

 private:
  using Clock = std::chrono::steady_clock;

  void exchange(ProgramProcess& program);
  int milliseconds_left() const;
  void note(const std::string& text);
  void tell(const std::string& line);
  void write_some();
  void read_some();
  void read_rest(bool ended_by_itself);
  void accept(const std::string& line);
  void perform(ProgramLine line);
  void call_api(ProgramApiCall call);
  void keep_checkpoint(ProgramCheckpoint checkpoint);
  void break_off(const std::string& complaint);
  void close_input();
  std::int32_t judge(const runtime::ExitStatus& end);

  const je_host& host_;
  je_job* job_;

  Descriptor to_program_;
  Descriptor from_program_;
  std::string unsent_;
  std::size_t sent_ = 0;  // of unsent_
  LineBuffer lines_;
  std::optional<ProgramResult> result_;
  std::string complaint_;  // what the program broke the protocol with; empty: nothing
  bool said_status_ = false;
  bool stop_told_ = false;
  bool ended_ = false;
  bool killed_ = false;
  Clock::time_point kill_at_ = Clock::time_point::max();

  AnswerLines answers_;
  CallWorkers calls_;
  CallWorkers checkpoints_;  // one after the other: the last one counts
};

// The same for protocol none: the program only reads its payload, and prints.
std::int32_t run_plain_program(const je_host& host, je_job* job, ProgramStart start,
                               const std::string& payload);

}  // namespace jobengine::executor
