// The executor's figures. Names are listed in executor/README.md.
#pragma once

#include <vector>

#include "common/queue/queue_counters.hpp"
#include "common/runtime/asio.hpp"
#include "common/telemetry/metrics.hpp"
#include "executor/run_outcome.hpp"

namespace jobengine::executor {

class ExecutorMetrics {
 public:
  ExecutorMetrics(telemetry::Metrics& metrics, std::size_t slots);
  void run_started();
  // It needs its slot no more.
  void run_left();
  void run_ended(RunResult result, runtime::Duration time);
  void finishing_jobs(std::size_t count);
  void jobs_ahead(std::size_t count);
  void idle_hosts(std::size_t count);
  void stuck_actions(std::size_t count);
  // The counters as they are now.
  void queue(const queue::QueueCounters& counted);
  telemetry::Metrics& registry() const { return metrics_; }
  std::size_t running() const { return running_; }

 private:
  telemetry::Metrics& metrics_;
  telemetry::Gauge& running_gauge_;
  telemetry::Gauge& finishing_gauge_;
  telemetry::Gauge& ahead_gauge_;
  telemetry::Gauge& idle_hosts_;
  telemetry::Gauge& stuck_actions_;
  telemetry::Histogram& run_seconds_;
  std::size_t running_ = 0;

  // One of the queue's counters, and how much of it the metric has.
  struct QueueFigure {
    std::uint64_t queue::QueueCounters::* counted;
    telemetry::Counter& told;
    std::uint64_t so_far = 0;
  };
  std::vector<QueueFigure> queue_figures_;
};

}  // namespace jobengine::executor
