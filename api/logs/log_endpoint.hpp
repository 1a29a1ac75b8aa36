// The logs of jobs over HTTP: POST appends, GET reads, GET as an event stream follows.
#pragma once

#include <chrono>
#include <cstdint>

#include "api/cimi/service.hpp"
#include "api/events/event_endpoints.hpp"
#include "api/store/store.hpp"
#include "common/telemetry/metrics.hpp"

namespace jobengine::api::logs {

struct LogOptions {
  // Bytes kept of a job's log; 0: none are kept, appends are refused with 405.
  std::int64_t limit = 8LL * 1024 * 1024;
  // A job that has been final for so long, and so long without a new line, will have no more.
  std::chrono::milliseconds quiet{3000};
};

// [any thread]; everything it gets must outlive it.
class LogEndpoint {
 public:
  // The followers of logs count among the streams of `events`.
  LogEndpoint(store::Store& store, events::EventEndpoints& events, telemetry::Metrics& metrics,
              LogOptions options);

  // Offers `job/<uuid>/logs` to the service, which must not outlive this and knows the jobs.
  void offer_to(cimi::Service& service);

 private:
  awaitable<http::Response> answer(cimi::Call call);
  awaitable<http::Response> append(cimi::Call call);
  awaitable<http::Response> read(cimi::Call call);
  awaitable<http::Response> follow(cimi::Call call);

  store::Store& store_;
  events::EventEndpoints& events_;
  telemetry::Counter& lines_;
  telemetry::Counter& full_;
  const LogOptions options_;
};

}  // namespace jobengine::api::logs
