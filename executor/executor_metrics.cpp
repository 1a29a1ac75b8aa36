#include "executor/executor_metrics.hpp"

#include <string>

namespace jobengine::executor {

ExecutorMetrics::ExecutorMetrics(telemetry::Metrics& metrics, std::size_t slots)
    : metrics_(metrics),
      running_gauge_(metrics.gauge("jobengine_executor_running_jobs", "Jobs under way in a slot")),
      finishing_gauge_(metrics.gauge("jobengine_executor_finishing_jobs",
                                     "Jobs whose action has ended and whose outcome is being "
                                     "recorded; they hold no slot")),
      ahead_gauge_(metrics.gauge("jobengine_executor_ahead_jobs",
                                 "Jobs that were taken and read ahead of a free slot")),
      idle_hosts_(metrics.gauge("jobengine_executor_idle_hosts",
                                "Action hosts kept warm, waiting for a job")),
      stuck_actions_(metrics.gauge("jobengine_executor_stuck_actions",
                                   "Shared actions that ignore the stop request")),
      run_seconds_(metrics.histogram("jobengine_executor_run_seconds",
                                     "From the take of an entry to its recorded end")) {
  metrics.gauge("jobengine_executor_slots", "Jobs this executor runs at a time")
      .set(static_cast<double>(slots));
  const auto figure = [&](const char* name, const char* help,
                          std::uint64_t queue::QueueCounters::* counted) {
    queue_figures_.push_back({counted, metrics.counter(name, help)});
  };
  using Counted = queue::QueueCounters;
  figure("jobengine_queue_multis_total", "Multis sent to ZooKeeper", &Counted::multis);
  figure("jobengine_queue_multi_operations_total", "Operations in all of these",
         &Counted::multi_operations);
  figure("jobengine_queue_takes_total", "Entries locked", &Counted::takes);
  figure("jobengine_queue_lost_races_total", "Entries tried that were gone or another's",
         &Counted::lost_races);
  figure("jobengine_queue_consumes_total", "Entries deleted after their job", &Counted::consumes);
  figure("jobengine_queue_puts_total", "Entries made", &Counted::puts);
  figure("jobengine_queue_listings_total", "Listings of the queue", &Counted::listings);
  figure("jobengine_queue_listed_names_total", "Names in all of these", &Counted::listed_names);
  figure("jobengine_queue_looks_total", "Looks at the queue's counts, without its names",
         &Counted::looks);
  figure("jobengine_queue_allotments_total", "Allotments of entries, to try them undisturbed",
         &Counted::allotments);
  figure("jobengine_queue_wake_ups_total", "Watches of the queue that led to a look or a listing",
         &Counted::wake_ups);
}

void ExecutorMetrics::queue(const queue::QueueCounters& counted) {
  for (QueueFigure& figure : queue_figures_) {
    const std::uint64_t now = counted.*figure.counted;
    if (now > figure.so_far) figure.told.add(static_cast<double>(now - figure.so_far));
    figure.so_far = now;
  }
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

void ExecutorMetrics::jobs_ahead(std::size_t count) {
  ahead_gauge_.set(static_cast<double>(count));
}

void ExecutorMetrics::idle_hosts(std::size_t count) {
  idle_hosts_.set(static_cast<double>(count));
}

void ExecutorMetrics::stuck_actions(std::size_t count) {
  stuck_actions_.set(static_cast<double>(count));
}

}  // namespace jobengine::executor
