// The one interface to ZooKeeper. Implemented by LastingSession (the C client, a new handle after
// expiry) and by tests/fakes. Protocol facts: spec "ZooKeeper C client" in
// docs/protocols/zookeeper.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/runtime/event.hpp"
#include "common/zookeeper/session_lease.hpp"
#include "common/zookeeper/znode.hpp"

namespace jobengine::zookeeper {

// Connecting ──► Connected ──► Disconnected ──► Connected …
//      ▲              │              │
//      └── new epoch ─┴── Expired ◄──┘            Closed: after close(), for good
enum class SessionState { Connecting, Connected, Disconnected, Expired, Closed };

struct SessionCredentials {
  std::int64_t id = 0;  // 0: none
  std::string password;
};

// Raised once: the node (or its children) changed, or the epoch of the request ended. Read again to
// know.
using Watch = std::shared_ptr<runtime::Event>;
inline Watch make_watch() {
  return std::make_shared<runtime::Event>();
}

// Lives on the loop; every call and every completion is there. Requests are sent in the order of
// the calls, at once (before the first suspension of the returned awaitable), and answered in that
// order.
//
// A request waits while the session is connecting or disconnected, without a limit of its own: wrap
// it in runtime::until() where a limit is needed. When the epoch in which it was sent ends, it
// completes with SessionLost. A request made while there is no session waits for the next one,
// unless it names an epoch.
class Session {
 public:
  virtual ~Session() = default;

  // ---- requests. `on_change` (optional) is raised at most once, see Watch.
  virtual awaitable<CreateReply> create(std::string path, std::string data, CreateMode mode) = 0;
  virtual awaitable<DataReply> get(std::string path, Watch on_change = nullptr) = 0;
  virtual awaitable<StatReply> set(std::string path, std::string data, std::int32_t version) = 0;
  // NoNode is an answer; the watch then waits for the creation.
  virtual awaitable<StatReply> exists(std::string path, Watch on_change = nullptr) = 0;
  virtual awaitable<ChildrenReply> children(std::string path, Watch on_change = nullptr) = 0;
  virtual awaitable<ZnodeError> remove(std::string path, std::int32_t version) = 0;
  // `only_in` != 0: sent only if this is still the current epoch, else SessionLost without sending.
  virtual awaitable<MultiReply> multi(std::vector<Operation> operations, Epoch only_in = 0) = 0;
  // Makes the server we talk to catch up with the leader.
  virtual awaitable<ZnodeError> sync(std::string path) = 0;

  // ---- state
  virtual SessionState state() const = 0;
  // Of the current or the last session.
  virtual Epoch epoch() const = 0;
  // ZooKeeper's id of the current session, as in Stat::ephemeral_owner; 0 when there is none.
  virtual std::int64_t session_id() const = 0;
  // What lets another process take this session over, or end it, after this one has died: a
  // secret. Empty when there is no session.
  virtual SessionCredentials credentials() const = 0;
  // The negotiated timeout.
  virtual std::chrono::milliseconds timeout() const = 0;
  // Until when what was granted in the current epoch may be used; LeaseTime::min() when nothing is.
  virtual LeaseTime lease_valid_until() const = 0;

  // Returns true once connected, false when `deadline` passes or the session is closed.
  virtual awaitable<bool> connected(runtime::TimePoint deadline) = 0;

  // `listener` is called on the loop at each change of state, with the epoch it concerns, until the
  // returned subscription is dropped. Expired comes before anything of the next epoch.
  using Listener = std::function<void(SessionState, Epoch)>;
  using Subscription = std::shared_ptr<void>;
  [[nodiscard]] virtual Subscription subscribe(Listener listener) = 0;

  // Ends the session at the server (its ephemeral nodes go at once) and completes every request.
  // Twice is fine. To be awaited before the session is destroyed.
  virtual awaitable<void> close() = 0;
};

// Creates `path` and its parents, persistent and empty, as far as missing. Throws Failure when it
// cannot.
awaitable<void> ensure_path(Session& session, std::string path);

}  // namespace jobengine::zookeeper
