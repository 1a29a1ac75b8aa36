#include "common/telemetry/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <map>
#include <mutex>

#include "common/telemetry/process_metrics.hpp"

namespace jobengine::telemetry {

namespace {

class PrometheusCounter : public Counter {
 public:
  explicit PrometheusCounter(prometheus::Counter& counter) : counter_(counter) {}
  void add(double amount) override { counter_.Increment(amount); }

 private:
  prometheus::Counter& counter_;
};

class PrometheusGauge : public Gauge {
 public:
  explicit PrometheusGauge(prometheus::Gauge& gauge) : gauge_(gauge) {}
  void set(double value) override { gauge_.Set(value); }

 private:
  prometheus::Gauge& gauge_;
};

class PrometheusHistogram : public Histogram {
 public:
  explicit PrometheusHistogram(prometheus::Histogram& histogram) : histogram_(histogram) {}
  void observe(double seconds) override { histogram_.Observe(seconds); }

 private:
  prometheus::Histogram& histogram_;
};

const prometheus::Histogram::BucketBoundaries latency_buckets = {
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
    0.5,    1,     2.5,    5,     10,   30,    60,   180, 600};

std::map<std::string, std::string> as_map(const Labels& labels) {
  return {labels.begin(), labels.end()};
}

std::vector<prometheus::MetricFamily> process_families() {
  std::vector<prometheus::MetricFamily> families;
  for (const ProcessMetric& metric : process_metrics()) {
    prometheus::MetricFamily family;
    family.name = metric.name;
    family.help = metric.help;
    family.type = metric.counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
    prometheus::ClientMetric value;
    if (metric.counter) {
      value.counter.value = metric.value;
    } else {
      value.gauge.value = metric.value;
    }
    family.metric.push_back(std::move(value));
    families.push_back(std::move(family));
  }
  return families;
}

}  // namespace

struct Metrics::Registry {
  prometheus::Registry registry;
  // The mutex guards the maps; the instruments themselves are atomic.
  std::mutex mutex;
  std::map<std::pair<std::string, Labels>, std::unique_ptr<Counter>> counters;
  std::map<std::pair<std::string, Labels>, std::unique_ptr<Gauge>> gauges;
  std::map<std::pair<std::string, Labels>, std::unique_ptr<Histogram>> histograms;
};

Metrics::Metrics() : registry_(std::make_unique<Registry>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard guard(registry_->mutex);
  auto& instrument = registry_->counters[{name, labels}];
  if (!instrument) {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(registry_->registry);
    instrument = std::make_unique<PrometheusCounter>(family.Add(as_map(labels)));
  }
  return *instrument;
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard guard(registry_->mutex);
  auto& instrument = registry_->gauges[{name, labels}];
  if (!instrument) {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(registry_->registry);
    instrument = std::make_unique<PrometheusGauge>(family.Add(as_map(labels)));
  }
  return *instrument;
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help,
                              const Labels& labels) {
  const std::lock_guard guard(registry_->mutex);
  auto& instrument = registry_->histograms[{name, labels}];
  if (!instrument) {
    auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(registry_->registry);
    instrument = std::make_unique<PrometheusHistogram>(family.Add(as_map(labels), latency_buckets));
  }
  return *instrument;
}

std::string Metrics::exposition() const {
  std::vector<prometheus::MetricFamily> families = registry_->registry.Collect();
  for (auto& family : process_families()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace jobengine::telemetry
