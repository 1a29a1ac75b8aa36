// One action host as the executor sees it: started, talked to, stopped, reaped. The conversation is
// in executor/README.md.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/runtime/child_process.hpp"
#include "common/runtime/task_group.hpp"
#include "executor/hosts/action_host.hpp"
#include "executor/hosts/host_command.hpp"
#include "executor/hosts/host_message.hpp"
#include "executor/hosts/output_pipe.hpp"
#include "executor/hosts/output_tail.hpp"

namespace jobengine::executor {

// Lives on the loop.
class HostProcess final : public ActionHost {
 public:
  // Returns when the plugin is loaded. Throws runtime::Failure when it cannot be, or not in time.
  static awaitable<std::shared_ptr<HostProcess>> start(asio::io_context& loop, HostCommand command,
                                                       std::string plugin_file);
  // close() must have returned, unless the loop has stopped for good.
  ~HostProcess() override;
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  const std::string& plugin_file() const override { return plugin_file_; }
  pid_t pid() const { return child_->pid(); }
  // The manifests of the plugin, as its host told them.
  const std::vector<Manifest>& actions() const { return ready_->actions; }
  bool reusable() const override;
  int jobs_run() const override { return jobs_run_; }
  bool can_be_killed() const override { return true; }

  awaitable<HostRunEnd> run(RunMessage message, HostListener& listener) override;
  void ask_to_stop() override;
  void signal(int number) override;  // to the host's whole process group
  void renew_lease(LeaseStamp lease) override;
  void answer(ApiAnswerMessage answer) override;
  awaitable<void> close() override;

 private:
  HostProcess(asio::io_context& loop, std::string plugin_file);
  void spawn(const HostCommand& command);
  void send(ToHost message);
  awaitable<void> write_messages();
  awaitable<void> read_messages();
  awaitable<void> end_unless_ended();
  awaitable<void> watch_end();
  std::string breakdown() const;
  void note_replacement();
  void accept(FromHost message);
  void break_off(const std::string& reason);
  void printed(OutputStream stream, std::string_view line);
  void finish_output();

  asio::io_context& loop_;
  std::string plugin_file_;
  asio::local::stream_protocol::socket socket_;
  OutputPipe stdout_;
  OutputPipe stderr_;
  OutputTail tail_;  // of both
  std::optional<runtime::ChildProcess> child_;
  runtime::TaskGroup tasks_;

  std::deque<std::string> unsent_;
  bool writing_ = false;
  bool broken_ = false;        // said nonsense, or ended
  std::string broken_reason_;  // why we gave it up; empty when it ended by itself
  std::string program_;        // the file it executes
  std::string replaced_by_;    // the program it has become
  HostLimits limits_;
  std::optional<ReadyMessage> ready_;
  std::string refused_;
  HostListener* listener_ = nullptr;  // during a run
  std::optional<ResultMessage> result_;
  runtime::Event news_;  // ready, refused or a result
  runtime::Event heard_all_;
  runtime::Event ended_;  // reaped, and all it said was read
  int jobs_run_ = 0;
  bool worn_ = false;  // it said that it must not be used again
};

}  // namespace jobengine::executor
