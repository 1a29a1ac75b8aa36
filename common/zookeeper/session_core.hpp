// What LastingSession is made of: the states, epochs and requests of one client over any number of
// handles. Separate from it so that answers that come late find something that lives.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/runtime/event.hpp"
#include "common/runtime/task_group.hpp"
#include "common/zookeeper/c_client_session.hpp"
#include "common/zookeeper/host_list.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "common/zookeeper/request.hpp"
#include "common/zookeeper/session_lease.hpp"
#include "common/zookeeper/watch_table.hpp"

namespace jobengine::zookeeper {

// A request from the call to its answer.
struct PendingRequest {
  std::shared_ptr<const Request> request;
  std::uint64_t number = 0;  // in the order of the calls
  Epoch epoch = 0;           // made in; 0 while it waits for a session
  LeaseTime sent;
  Reply reply;
  runtime::Event answered;
};

// Lives on the loop.
class SessionCore : public std::enable_shared_from_this<SessionCore> {
 public:
  SessionCore(asio::io_context& loop, const SessionOptions& options);
  SessionCore(const SessionCore&) = delete;
  SessionCore& operator=(const SessionCore&) = delete;

  void start();
  awaitable<void> close();

  // Sent now, or kept until there is a connection. `request` has paths without the chroot.
  std::shared_ptr<PendingRequest> submit(Request request, const Watch& on_change, Epoch only_in);

  Session::Subscription subscribe(Session::Listener listener);
  awaitable<bool> connected(runtime::TimePoint deadline);

  SessionState state() const { return state_; }
  Epoch epoch() const { return epoch_; }
  std::int64_t session_id() const { return session_id_; }
  SessionCredentials credentials() const;
  std::chrono::milliseconds timeout() const { return timeout_; }
  LeaseTime lease_valid_until() const { return lease_.valid_until(); }

 private:
  using Pending = std::shared_ptr<PendingRequest>;

  // Connection and epochs.
  awaitable<void> live();
  awaitable<void> accompany_handle();
  awaitable<void> beat();
  bool start_handle(const std::string& addresses);
  void connection_changed(CClientSession::Change change, std::int64_t session_id,
                          std::chrono::milliseconds timeout);
  void begin_connection(std::int64_t session_id, std::chrono::milliseconds timeout);
  void end_epoch();
  void set_state(SessionState state);
  void create_chroot();
  void send_heartbeat();

  // Requests.
  std::string full_path(const std::string& path) const;
  Pending enqueue(Request request, Epoch epoch);
  void send(const Pending& pending);
  void take_answer(const Pending& pending, Reply reply);
  void finish(const Pending& pending, Reply reply);
  void finish_soon(const Pending& pending, ZnodeError error);

  asio::io_context& loop_;
  const std::string chroot_;
  const std::chrono::milliseconds asked_timeout_;
  std::vector<HostAndPort> hosts_;

  SessionState state_ = SessionState::Connecting;
  Epoch epoch_ = 0;
  bool epoch_lives_ = false;
  bool chroot_exists_ = false;
  std::int64_t session_id_ = 0;
  std::chrono::milliseconds timeout_;
  SessionLease lease_;
  WatchTable watches_;

  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, Pending> waiting_;    // for a connection
  std::map<std::uint64_t, Pending> in_flight_;  // given to the handle
  Pending heartbeat_;

  std::vector<std::weak_ptr<Session::Listener>> listeners_;
  runtime::Event changed_;  // pulsed at each change of state
  runtime::Event stop_;
  std::string addresses_;
  std::unique_ptr<CClientSession> handle_;
  std::uint64_t handle_number_ = 0;  // notices of earlier handles are ignored
  runtime::TaskGroup tasks_;
};

}  // namespace jobengine::zookeeper
