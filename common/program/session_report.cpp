#include "common/program/session_report.hpp"

#include "common/telemetry/log.hpp"

namespace jobengine::program {

using zookeeper::SessionState;

SessionReport::SessionReport(zookeeper::Session& session, telemetry::Metrics& metrics)
    : session_(session),
      connected_(metrics.gauge("jobengine_zookeeper_connected",
                               "1 while there is a connection to ZooKeeper")),
      expired_(metrics.counter("jobengine_zookeeper_sessions_expired_total",
                               "Sessions that ended with all their locks")) {
  connected_.set(session.state() == SessionState::Connected ? 1 : 0);
  subscription_ =
      session.subscribe([this](SessionState state, zookeeper::Epoch epoch) { note(state, epoch); });
}

void SessionReport::note(SessionState state, zookeeper::Epoch epoch) {
  connected_.set(state == SessionState::Connected ? 1 : 0);
  switch (state) {
    case SessionState::Connected:
      telemetry::info("connected to ZooKeeper",
                      {{"epoch", epoch}, {"session-timeout-ms", session_.timeout().count()}});
      break;
    case SessionState::Disconnected:
      telemetry::warning("the connection to ZooKeeper is lost", {{"epoch", epoch}});
      break;
    case SessionState::Expired:
      expired_.add();
      telemetry::warning("the session with ZooKeeper has expired, its locks are gone",
                         {{"epoch", epoch}});
      break;
    case SessionState::Connecting:
    case SessionState::Closed:
      break;
  }
}

}  // namespace jobengine::program
