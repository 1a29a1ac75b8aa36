// One handle of libzookeeper_mt: at most one ZooKeeper session, never a second one. Its thread only
// posts; everything is told on the loop. Facts about the library: docs/protocols/zookeeper.md.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "common/runtime/asio.hpp"
#include "common/zookeeper/request.hpp"
#include "common/zookeeper/session.hpp"

namespace jobengine::zookeeper {

// Lives on the loop, which must outlive it.
class CClientSession {
 public:
  enum class Change { Connected, Disconnected, Expired };
  // Called on the loop, possibly still after the object is gone.
  struct Notices {
    // Session id and negotiated timeout are known when Connected.
    std::function<void(Change, std::int64_t, std::chrono::milliseconds)> changed;
    std::function<void(WatchId)> watch_fired;
  };

  // Starts connecting to `addresses` ("127.0.0.1:2181,…", numeric: nothing is resolved here).
  // `existing`: the session to go on with; none: a new one. Throws Failure when the library
  // refuses.
  CClientSession(asio::io_context& loop, const std::string& addresses,
                 std::chrono::milliseconds timeout, Notices notices,
                 const SessionCredentials& existing = {});
  // Blocks until the handle is closed, unless close() has done that.
  ~CClientSession();
  CClientSession(const CClientSession&) = delete;
  CClientSession& operator=(const CClientSession&) = delete;

  // `answered` is called exactly once, later, on the loop. `request` must be well_formed().
  void send(std::shared_ptr<const Request> request, std::function<void(Reply)> answered);

  void set_addresses(const std::string& addresses);

  SessionCredentials credentials() const;

  // Ends the session and completes what is outstanding with SessionLost. Takes as long as the
  // library likes (seconds, when the server hangs), on a thread of its own. Nothing may be sent any
  // more.
  awaitable<void> close();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with close(), which may outlive the object
};

}  // namespace jobengine::zookeeper
