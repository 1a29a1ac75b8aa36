#include "distributor/distribution_metrics.hpp"

namespace jobengine::distributor {

DistributionMetrics::DistributionMetrics(telemetry::Metrics& metrics, telemetry::Statsd& statsd,
                                         std::string name)
    : ticks(metrics.counter("jobengine_distribution_ticks_total", "Ticks worked on as the leader",
                            {{"distribution", name}})),
      failures(metrics.counter("jobengine_distribution_failures_total",
                               "Ticks that failed, and jobs the API refused",
                               {{"distribution", name}})),
      jobs_created(metrics.counter("jobengine_distribution_jobs_created_total", "Jobs created",
                                   {{"distribution", name}})),
      jobs_skipped(
          metrics.counter("jobengine_distribution_jobs_skipped_total",
                          "Jobs not created because one of the kind was waiting or running",
                          {{"distribution", name}})),
      leads(metrics.gauge("jobengine_distribution_leader",
                          "1 while this process leads the distribution", {{"distribution", name}})),
      statsd_(statsd),
      prefix_("job_distribution." + name + ".") {
  leads.set(0);
}

void DistributionMetrics::publish(std::string_view what, std::size_t value) {
  statsd_.gauge(prefix_ + std::string(what), static_cast<std::int64_t>(value));
}

}  // namespace jobengine::distributor
