// Tells the log and the metrics how the session with ZooKeeper fares.
#pragma once

#include "common/telemetry/metrics.hpp"
#include "common/zookeeper/session.hpp"

namespace jobengine::program {

// Lives on the loop, from the making of `session` on; both must outlive it.
class SessionReport {
 public:
  SessionReport(zookeeper::Session& session, telemetry::Metrics& metrics);

 private:
  void note(zookeeper::SessionState state, zookeeper::Epoch epoch);

  zookeeper::Session& session_;
  telemetry::Gauge& connected_;
  telemetry::Counter& expired_;
  zookeeper::Session::Subscription subscription_;
};

}  // namespace jobengine::program
