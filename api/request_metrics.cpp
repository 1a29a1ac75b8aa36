#include "api/request_metrics.hpp"

#include <algorithm>
#include <array>

namespace jobengine::api {
namespace {

// Methods are chosen by clients: unknown ones share a label, so that they cannot fill the memory.
const std::string& label_of(const std::string& method) {
  static const std::array<std::string, 7> known{"GET",   "PUT",  "POST",   "DELETE",
                                                "PATCH", "HEAD", "OPTIONS"};
  static const std::string other = "other";
  const auto found = std::find(known.begin(), known.end(), method);
  return found == known.end() ? other : *found;
}

}  // namespace

RequestMetrics::RequestMetrics(telemetry::Metrics& metrics)
    : metrics_(metrics),
      seconds_(metrics.histogram("jobengine_api_request_seconds",
                                 "From the end of a request to the beginning of its answer")) {}

void RequestMetrics::observe(const std::string& method, int status, double seconds) {
  seconds_.observe(seconds);
  const std::lock_guard lock(mutex_);
  auto& counter = counters_[{label_of(method), status}];
  if (counter == nullptr) {
    counter = &metrics_.counter("jobengine_api_requests_total", "Requests answered",
                                {{"method", label_of(method)}, {"status", std::to_string(status)}});
  }
  counter->add();
}

cimi::LoginObserver login_observer(telemetry::Metrics& metrics) {
  auto counter = [&metrics](const char* result) {
    return &metrics.counter("jobengine_api_logins_total", "Logins, by how they ended",
                            {{"result", result}});
  };
  return [accepted = counter("accepted"), refused = counter("refused"),
          limited = counter("limited")](cimi::LoginOutcome outcome) {
    if (outcome == cimi::LoginOutcome::Accepted) accepted->add();
    if (outcome == cimi::LoginOutcome::Refused) refused->add();
    if (outcome == cimi::LoginOutcome::Limited) limited->add();
  };
}

}  // namespace jobengine::api
