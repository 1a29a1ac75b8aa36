// How many requests there were, how they ended and how long they took.
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "api/cimi/login.hpp"
#include "common/telemetry/metrics.hpp"

namespace jobengine::api {

// [any thread]
class RequestMetrics {
 public:
  explicit RequestMetrics(telemetry::Metrics& metrics);
  void observe(const std::string& method, int status, double seconds);

 private:
  telemetry::Metrics& metrics_;
  telemetry::Histogram& seconds_;
  std::mutex mutex_;
  // Looked up by name once only. Under the mutex.
  std::map<std::pair<std::string, int>, telemetry::Counter*> counters_;
};

// Counts how logins end.
cimi::LoginObserver login_observer(telemetry::Metrics& metrics);

}  // namespace jobengine::api
