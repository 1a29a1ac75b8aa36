// The requests that are answered by a stream of events: who may have one, of what, and how many
// there are.
#pragma once

#include <atomic>
#include <memory>

#include "api/access/authentication.hpp"
#include "api/cimi/call.hpp"
#include "api/cimi/collection.hpp"
#include "api/cimi/service.hpp"
#include "api/events/stream.hpp"
#include "common/telemetry/metrics.hpp"

namespace jobengine::api::events {

struct EventOptions {
  std::size_t most_streams = 5000;
  // Of those with a filter, which are asked of every commit.
  std::size_t most_filter_streams = 200;
  StreamOptions stream;
};

// [any thread]; everything it gets must outlive it.
class EventEndpoints {
 public:
  EventEndpoints(Hub& hub, store::Store& store, access::Authentication& authentication,
                 telemetry::Metrics& metrics, EventOptions options);

  // Offers `<collection>/<uuid>/events` and `events` to the service, which must not outlive this.
  void offer_to(cimi::Service& service);

  // For other streams of one resource each: counts as one for as long as it is kept. Throws
  // CimiError 503 when there are too many.
  std::shared_ptr<const void> place();
  const StreamWorld& world() const { return world_; }

 private:
  struct Places;
  class Place;
  awaitable<http::Response> of_resource(cimi::Collection& collection, cimi::Call call);
  awaitable<http::Response> of_collection(const cimi::Service& service, cimi::Call call);

  const EventOptions options_;
  const StreamWorld world_;
  const std::shared_ptr<Places> places_;
};

}  // namespace jobengine::api::events
