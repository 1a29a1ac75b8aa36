// Counters, gauges and histograms (Prometheus text), prometheus-cpp behind it. [any thread]
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace jobengine::telemetry {

using Labels = std::vector<std::pair<std::string, std::string>>;

// References returned stay valid as long as the Metrics. The same name and labels give the same
// instrument. Names: jobengine_<what>_<unit>, counters end in _total; docs/operating.md lists all
// of them.
class Counter {
 public:
  virtual ~Counter() = default;
  virtual void add(double amount = 1.0) = 0;
};
class Gauge {
 public:
  virtual ~Gauge() = default;
  virtual void set(double value) = 0;
};
class Histogram {
 public:
  virtual ~Histogram() = default;
  virtual void observe(double seconds) = 0;
};

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // Buckets fit latencies from 0.5 ms to 10 min.
  Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels = {});

  // Prometheus text exposition, with process_resident_memory_bytes, process_cpu_seconds_total,
  // process_open_fds and process_start_time_seconds.
  std::string exposition() const;

 private:
  struct Registry;
  std::unique_ptr<Registry> registry_;
};

}  // namespace jobengine::telemetry
