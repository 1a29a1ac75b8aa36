// One action under way in its host: leases are renewed, what it says is passed on, requests to the
// API are made for it, and it is stopped when it has to be.
#pragma once

#include <memory>
#include <string>

#include "common/cimi/client.hpp"
#include "common/runtime/event.hpp"
#include "common/runtime/task_group.hpp"
#include "executor/attempt_keeper.hpp"
#include "executor/checkpoint_writer.hpp"
#include "executor/hold.hpp"
#include "executor/hosts/action_host.hpp"
#include "executor/job_report.hpp"
#include "executor/log_shipping.hpp"
#include "executor/run_outcome.hpp"
#include "executor/stop_order.hpp"

namespace jobengine::executor {

struct ActionLimits {
  runtime::Duration stop_grace = std::chrono::seconds(5);  // from "stop" to SIGTERM
  runtime::Duration kill_grace = std::chrono::seconds(2);  // from SIGTERM to SIGKILL
  runtime::Duration report_pace = std::chrono::seconds(1);
  runtime::Duration renewal = std::chrono::milliseconds(500);
  runtime::Duration timeout = runtime::Duration::zero();       // zero: none
  runtime::Duration idle_timeout = runtime::Duration::zero();  // since it was last heard of
};

// Lives on the loop, for one run. What it refers to must outlive run(); `client` and `background`
// must outlive every run.
class RunningAction final : private HostListener {
 public:
  struct Surroundings {
    asio::io_context& loop;
    cimi::Client& client;
    runtime::TaskGroup& background;
    const ActionLimits& limits;
    AttemptKeeper* attempts;  // null: checkpoints are refused
    RunLog& log;
  };

  RunningAction(const Surroundings& surroundings, const Hold& hold, std::string job_id,
                JobReport& report, StopOrder& order, std::string& etag,
                std::shared_ptr<ActionHost> host);

  // Returns when the action has ended, of itself or stopped by `order`. No edit of the job is in
  // flight then; what was not written yet is in the report.
  awaitable<ActionEnd> run(RunMessage message);

 private:
  awaitable<void> supervise();
  awaitable<void> pass_on_report();
  // It is final or deleted, as far as we were told: nothing more is written.
  bool job_is_over() const;
  awaitable<void> learn_etag();
  void look_at_lease();
  void look_at_time();
  runtime::TimePoint stop_harder();
  void press(int signal);
  void tell_late_end() const;
  bool ignored_stop() const;
  void heard_of();
  std::string how_it_ended() const;
  void tell_stopped_end();
  // What the engine did to the action, for the log of its job.
  void note_engine_line(std::string line);
  void end_log(const HostRunEnd& end);
  ActionEnd judge(HostRunEnd end) const;
  void refuse_request(std::uint64_t number, const std::string& why);

  void on_progress(int percent) override;
  void on_status(std::string text) override;
  void on_affected_resource(std::string href) override;
  void on_log(int level, std::string line) override;
  void on_output(OutputStream stream, std::string_view line) override;
  void on_api_request(ApiRequestMessage request) override;
  void on_checkpoint(CheckpointMessage checkpoint) override;

  cimi::Client& client_;
  runtime::TaskGroup& background_;
  const ActionLimits& limits_;
  RunLog& log_;
  const Hold& hold_;
  std::string job_id_;
  std::string action_;
  JobReport& report_;
  StopOrder& order_;
  std::string& etag_;  // of the job, after each edit
  std::shared_ptr<ActionHost> host_;
  runtime::TaskGroup tasks_;
  std::shared_ptr<CheckpointWriter> checkpoints_;

  LeaseStamp lease_sent_ = 0;
  enum class Pressure { None, Asked, Terminated, Killed } pressure_ = Pressure::None;
  runtime::TimePoint started_;
  runtime::TimePoint heard_;      // of the action, the last time
  runtime::TimePoint asked_;      // to stop
  runtime::TimePoint next_step_;  // when the pressure grows
  runtime::Event report_changed_;
  runtime::Event finished_;
};

}  // namespace jobengine::executor
