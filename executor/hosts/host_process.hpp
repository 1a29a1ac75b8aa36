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
#include "executor/hosts/host_message.hpp"
#include "executor/hosts/output_tail.hpp"

namespace jobengine::executor {

struct HostCommand {
  std::string program;                   // path of job-action-host
  std::vector<std::string> environment;  // "NAME=value"
  runtime::Duration start_limit = std::chrono::seconds(30);
};

// What a running action says. Called on the loop, between the start and the end of run().
class HostListener {
 public:
  virtual ~HostListener() = default;
  virtual void on_progress(int percent) = 0;
  virtual void on_status(std::string text) = 0;
  virtual void on_affected_resource(std::string href) = 0;
  virtual void on_log(int level, std::string line) = 0;
  // To be answered with HostProcess::answer(); the action's thread waits for it.
  virtual void on_api_request(ApiRequestMessage request) = 0;
};

// How a run ended: with a result, or with the end of the host.
struct HostRunEnd {
  std::optional<ResultMessage> result;
  std::string breakdown;  // without a result: "killed by signal 11 (Segmentation fault)", …
  std::string output;     // the last lines the action printed
};

// Lives on the loop.
class HostProcess {
 public:
  // Returns when the plugin is loaded. Throws runtime::Failure when it cannot be, or not in time.
  static awaitable<std::shared_ptr<HostProcess>> start(asio::io_context& loop, HostCommand command,
                                                       std::string plugin_file);
  // close() must have returned, unless the loop has stopped for good.
  ~HostProcess();
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  const std::string& plugin_file() const { return plugin_file_; }
  pid_t pid() const { return child_->pid(); }
  // Alive, idle, and everything it said made sense.
  bool reusable() const;
  int jobs_run() const { return jobs_run_; }

  // One job at a time. Returns when the action has returned or the host has ended, however that
  // came about; it has no limit of its own.
  awaitable<HostRunEnd> run(RunMessage message, HostListener& listener);
  // The action is asked to stop.
  void ask_to_stop();
  // To the host's whole process group.
  void signal(int number);
  void renew_lease(LeaseStamp lease);
  void answer(ApiAnswerMessage answer);

  // Ends the process, however busy it is, and what hangs on it.
  awaitable<void> close();

 private:
  HostProcess(asio::io_context& loop, std::string plugin_file);
  void spawn(const HostCommand& command);
  void send(ToHost message);
  awaitable<void> write_messages();
  awaitable<void> read_messages();
  awaitable<void> watch_end();
  void accept(FromHost message);
  void break_off(const std::string& reason);

  asio::io_context& loop_;
  std::string plugin_file_;
  asio::local::stream_protocol::socket socket_;
  OutputTail output_;
  std::optional<runtime::ChildProcess> child_;
  runtime::TaskGroup tasks_;

  std::deque<std::string> unsent_;
  bool writing_ = false;
  bool broken_ = false;        // said nonsense, or ended
  std::string broken_reason_;  // why we gave it up; empty when it ended by itself
  std::optional<ReadyMessage> ready_;
  std::string refused_;
  HostListener* listener_ = nullptr;  // during a run
  std::optional<ResultMessage> result_;
  runtime::Event news_;  // ready, refused or a result
  runtime::Event heard_all_;
  runtime::Event ended_;  // reaped, and all it said was read
  int jobs_run_ = 0;
};

}  // namespace jobengine::executor
