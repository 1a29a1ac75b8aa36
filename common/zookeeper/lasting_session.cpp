#include "common/zookeeper/lasting_session.hpp"

#include <utility>

#include "common/runtime/failure.hpp"
#include "common/zookeeper/session_core.hpp"

namespace jobengine::zookeeper {

namespace {

using Pending = std::shared_ptr<PendingRequest>;

awaitable<CreateReply> created(Pending pending) {
  co_await pending->answered.wait();
  Reply& reply = pending->reply;
  co_return CreateReply{reply.error, std::move(reply.text)};
}

awaitable<DataReply> read(Pending pending) {
  co_await pending->answered.wait();
  Reply& reply = pending->reply;
  co_return DataReply{reply.error, std::move(reply.text), reply.stat};
}

awaitable<StatReply> looked_at(Pending pending) {
  co_await pending->answered.wait();
  const Reply& reply = pending->reply;
  co_return StatReply{reply.error, reply.stat};
}

awaitable<ChildrenReply> listed(Pending pending) {
  co_await pending->answered.wait();
  Reply& reply = pending->reply;
  co_return ChildrenReply{reply.error, std::move(reply.names), reply.stat};
}

awaitable<MultiReply> applied(Pending pending) {
  co_await pending->answered.wait();
  Reply& reply = pending->reply;
  co_return MultiReply{reply.error, std::move(reply.results)};
}

awaitable<ZnodeError> done(Pending pending) {
  co_await pending->answered.wait();
  co_return pending->reply.error;
}

awaitable<MultiReply> nothing_to_do() {
  co_return MultiReply();
}

Request request_for(Request::Kind kind, std::string path) {
  Request request;
  request.kind = kind;
  request.path = std::move(path);
  return request;
}

// The member functions are no coroutines: the request is out when they return.
class LastingSession final : public Session {
 public:
  LastingSession(asio::io_context& loop, const SessionOptions& options)
      : core_(std::make_shared<SessionCore>(loop, options)) {
    core_->start();
  }

  awaitable<CreateReply> create(std::string path, std::string data, CreateMode mode) override {
    Request request = request_for(Request::Kind::Create, std::move(path));
    request.data = std::move(data);
    request.mode = mode;
    return created(core_->submit(std::move(request), nullptr, 0));
  }
  awaitable<DataReply> get(std::string path, Watch on_change) override {
    Request request = request_for(Request::Kind::Get, std::move(path));
    return read(core_->submit(std::move(request), on_change, 0));
  }
  awaitable<StatReply> set(std::string path, std::string data, std::int32_t version) override {
    Request request = request_for(Request::Kind::Set, std::move(path));
    request.data = std::move(data);
    request.version = version;
    return looked_at(core_->submit(std::move(request), nullptr, 0));
  }
  awaitable<StatReply> exists(std::string path, Watch on_change) override {
    Request request = request_for(Request::Kind::Exists, std::move(path));
    return looked_at(core_->submit(std::move(request), on_change, 0));
  }
  awaitable<ChildrenReply> children(std::string path, Watch on_change) override {
    Request request = request_for(Request::Kind::Children, std::move(path));
    return listed(core_->submit(std::move(request), on_change, 0));
  }
  awaitable<ZnodeError> remove(std::string path, std::int32_t version) override {
    Request request = request_for(Request::Kind::Remove, std::move(path));
    request.version = version;
    return done(core_->submit(std::move(request), nullptr, 0));
  }
  awaitable<MultiReply> multi(std::vector<Operation> operations, Epoch only_in) override {
    if (operations.empty()) return nothing_to_do();
    Request request = request_for(Request::Kind::Multi, "/");
    request.operations = std::move(operations);
    return applied(core_->submit(std::move(request), nullptr, only_in));
  }
  awaitable<ZnodeError> sync(std::string path) override {
    Request request = request_for(Request::Kind::Sync, std::move(path));
    return done(core_->submit(std::move(request), nullptr, 0));
  }

  SessionState state() const override { return core_->state(); }
  Epoch epoch() const override { return core_->epoch(); }
  std::int64_t session_id() const override { return core_->session_id(); }
  SessionCredentials credentials() const override { return core_->credentials(); }
  std::chrono::milliseconds timeout() const override { return core_->timeout(); }
  LeaseTime lease_valid_until() const override { return core_->lease_valid_until(); }

  awaitable<bool> connected(runtime::TimePoint deadline) override {
    return core_->connected(deadline);
  }
  Subscription subscribe(Listener listener) override {
    return core_->subscribe(std::move(listener));
  }
  awaitable<void> close() override { return core_->close(); }

 private:
  std::shared_ptr<SessionCore> core_;  // shared with answers that come late
};

// Ok, or the reason why not; a lost answer is asked for again, since creating twice does no harm.
awaitable<ZnodeError> create_if_missing(Session& session, std::string path) {
  for (;;) {
    const auto reply = co_await session.create(path, "", CreateMode::Persistent);
    if (reply.error == ZnodeError::NodeExists) co_return ZnodeError::Ok;
    if (!outcome_unknown(reply.error) || session.state() == SessionState::Closed) {
      co_return reply.error;
    }
  }
}

}  // namespace

std::unique_ptr<Session> make_session(asio::io_context& loop, SessionOptions options) {
  return std::make_unique<LastingSession>(loop, options);
}

awaitable<bool> end_session(asio::io_context& loop, SessionOptions options,
                            SessionCredentials credentials, runtime::TimePoint deadline) {
  std::vector<HostAndPort> hosts;
  for (const std::string& host : options.hosts) hosts.push_back(parse_host(host));
  runtime::Event never;
  const std::string addresses = co_await resolve_hosts(std::move(hosts), never);
  if (addresses.empty()) co_return false;
  // Shared with notices that come late.
  struct Told {
    runtime::Event settled;
    bool connected = false;
    bool expired = false;
  };
  const auto told = std::make_shared<Told>();
  CClientSession::Notices notices;
  notices.changed = [told](CClientSession::Change change, std::int64_t, std::chrono::milliseconds) {
    told->connected = change == CClientSession::Change::Connected;
    told->expired = told->expired || change == CClientSession::Change::Expired;
    if (told->connected || told->expired) told->settled.raise();
  };
  notices.watch_fired = [](WatchId) {};
  CClientSession session(loop, addresses, options.timeout, std::move(notices), credentials);
  co_await told->settled.wait_until(deadline);
  co_await session.close();
  co_return told->connected || told->expired;
}

awaitable<void> ensure_path(Session& session, std::string path) {
  auto error = co_await create_if_missing(session, path);
  if (error == ZnodeError::NoNode) {
    error = ZnodeError::Ok;
    for (auto end = path.find('/', 1); error == ZnodeError::Ok; end = path.find('/', end + 1)) {
      const std::string part = path.substr(0, end);
      error = co_await create_if_missing(session, part);
      if (end == std::string::npos) break;
    }
  }
  if (error != ZnodeError::Ok) {
    throw runtime::Failure("cannot create " + path + " in ZooKeeper: " + std::string(text(error)));
  }
}

}  // namespace jobengine::zookeeper
