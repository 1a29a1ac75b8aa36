#include "executor/executor_metrics.hpp"

#include <string>

namespace jobengine::executor {

ExecutorMetrics::ExecutorMetrics(telemetry::Metrics& metrics, std::size_t slots)
    : metrics_(metrics),
      running_gauge_(metrics.gauge("jobengine_executor_running_jobs", "Jobs under way in a slot")),
      finishing_gauge_(metrics.gauge("jobengine_executor_finishing_jobs",
                                     "Jobs whose action has ended and whose outcome is being "
                                     "recorded; they hold no slot")),
      idle_hosts_(metrics.gauge("jobengine_executor_idle_hosts",
                                "Action hosts kept warm, waiting for a job")),
      stuck_actions_(metrics.gauge("jobengine_executor_stuck_actions",
                                   "Shared actions that ignore the stop request")),
      run_seconds_(metrics.histogram("jobengine_executor_run_seconds",
                                     "From the take of an entry to its recorded end")) {
  metrics.gauge("jobengine_executor_slots", "Jobs this executor runs at a time")
      .set(static_cast<double>(slots));
}

void ExecutorMetrics::run_started() {
  running_gauge_.set(static_cast<double>(++running_));
}

void ExecutorMetrics::run_left() {
  running_gauge_.set(static_cast<double>(--running_));
}

void ExecutorMetrics::finishing_jobs(std::size_t count) {
  finishing_gauge_.set(static_cast<double>(count));
}

void ExecutorMetrics::run_ended(RunResult result, runtime::Duration time) {
  run_seconds_.observe(std::chrono::duration<double>(time).count());
  const telemetry::Labels labels = {{"result", std::string(text(result))}};
  metrics_
      .counter("jobengine_executor_runs_total", "Entries dealt with, by what became of the job",
               labels)
      .add();
}

void ExecutorMetrics::idle_hosts(std::size_t count) {
  idle_hosts_.set(static_cast<double>(count));
}

void ExecutorMetrics::stuck_actions(std::size_t count) {
  stuck_actions_.set(static_cast<double>(count));
}

}  // namespace jobengine::executor
