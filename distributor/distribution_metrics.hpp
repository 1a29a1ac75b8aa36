// What a distribution tells the outside: Prometheus instruments and Nuvla's StatsD gauges.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/telemetry/metrics.hpp"
#include "common/telemetry/statsd.hpp"

namespace jobengine::distributor {

// Lives on the loop. Metrics and Statsd must outlive it.
class DistributionMetrics {
 public:
  DistributionMetrics(telemetry::Metrics& metrics, telemetry::Statsd& statsd, std::string name);

  // "job_distribution.<name>.<what>"
  void publish(std::string_view what, std::size_t value);

  telemetry::Counter& ticks;
  telemetry::Counter& failures;
  telemetry::Counter& jobs_created;
  telemetry::Counter& jobs_skipped;
  telemetry::Gauge& leads;

 private:
  telemetry::Statsd& statsd_;
  std::string prefix_;
};

}  // namespace jobengine::distributor
