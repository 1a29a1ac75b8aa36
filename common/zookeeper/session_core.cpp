#include "common/zookeeper/session_core.hpp"

#include <utility>

#include "common/runtime/backoff.hpp"
#include "common/runtime/failure.hpp"
#include "common/zookeeper/c_client_log.hpp"

namespace jobengine::zookeeper {

namespace {

// The names of a changed ensemble are looked up again while it does not answer.
constexpr runtime::BackoffLimits lookup_pace{std::chrono::seconds(2), std::chrono::seconds(30)};
constexpr runtime::BackoffLimits start_pace{std::chrono::milliseconds(200),
                                            std::chrono::seconds(10)};
// Of the timeout: several beats fit into the lease (2/3), so that one late answer does not end it.
constexpr int beats_per_timeout = 6;

}  // namespace

SessionCore::SessionCore(asio::io_context& loop, const SessionOptions& options)
    : loop_(loop),
      chroot_(parse_chroot(options.chroot)),
      asked_timeout_(options.timeout),
      timeout_(options.timeout),
      tasks_(loop.get_executor()) {
  for (const std::string& host : options.hosts) hosts_.push_back(parse_host(host));
}

void SessionCore::start() {
  tasks_.spawn(live());
  tasks_.spawn(beat());
}

awaitable<void> SessionCore::close() {
  auto self = shared_from_this();
  if (state_ != SessionState::Closed) {
    stop_.raise();
    end_epoch();
    for (auto& [number, pending] : std::exchange(waiting_, {})) {
      finish_soon(pending, ZnodeError::SessionLost);
    }
    set_state(SessionState::Closed);
  }
  co_await tasks_.join();
}

// ---- connection and epochs

awaitable<void> SessionCore::live() {
  auto self = shared_from_this();
  runtime::Backoff pace(start_pace);
  while (!stop_.raised()) {
    std::vector<HostAndPort> hosts = hosts_;
    const std::string addresses = co_await resolve_hosts(std::move(hosts), stop_);
    if (stop_.raised()) break;
    if (addresses.empty()) write_client_log("no ZooKeeper host resolves; trying again");
    if (addresses.empty() || !start_handle(addresses)) {
      const auto delay = pace.next();
      co_await stop_.wait_for(delay);
      continue;
    }
    pace.reset();
    co_await accompany_handle();
    co_await handle_->close();
    handle_.reset();
    if (!stop_.raised()) set_state(SessionState::Connecting);
  }
}

bool SessionCore::start_handle(const std::string& addresses) {
  const std::uint64_t number = ++handle_number_;
  CClientSession::Notices notices;
  notices.changed = [weak = weak_from_this(), number](CClientSession::Change change,
                                                      std::int64_t session_id,
                                                      std::chrono::milliseconds timeout) {
    auto self = weak.lock();
    if (self && number == self->handle_number_) {
      self->connection_changed(change, session_id, timeout);
    }
  };
  notices.watch_fired = [weak = weak_from_this()](WatchId id) {
    if (auto self = weak.lock()) self->watches_.fire(id);
  };
  try {
    handle_ = std::make_unique<CClientSession>(loop_, addresses, asked_timeout_, notices);
  } catch (const runtime::Failure& failure) {
    write_client_log(failure.what());
    return false;
  }
  addresses_ = addresses;
  return true;
}

// Returns when the session expired or is to stop.
awaitable<void> SessionCore::accompany_handle() {
  runtime::Backoff pace(lookup_pace);
  while (!stop_.raised() && state_ != SessionState::Expired) {
    if (state_ == SessionState::Connected) {
      pace.reset();
      co_await runtime::Event::wait_either(changed_, stop_, runtime::TimePoint::max());
      continue;
    }
    const auto deadline = runtime::Clock::now() + pace.next();
    const bool woken = co_await runtime::Event::wait_either(changed_, stop_, deadline);
    if (woken) continue;
    std::vector<HostAndPort> hosts = hosts_;
    const std::string addresses = co_await resolve_hosts(std::move(hosts), stop_);
    const bool over = stop_.raised() || state_ == SessionState::Expired;
    if (!over && !addresses.empty() && addresses != addresses_) {
      addresses_ = addresses;
      handle_->set_addresses(addresses);
    }
  }
}

awaitable<void> SessionCore::beat() {
  auto self = shared_from_this();
  while (!stop_.raised()) {
    // A new connection may have brought a shorter timeout.
    const auto next = runtime::Clock::now() + timeout_ / beats_per_timeout;
    co_await runtime::Event::wait_either(stop_, changed_, next);
    if (state_ == SessionState::Connected) send_heartbeat();
  }
}

void SessionCore::connection_changed(CClientSession::Change change, std::int64_t session_id,
                                     std::chrono::milliseconds timeout) {
  if (state_ == SessionState::Closed) return;
  switch (change) {
    case CClientSession::Change::Connected:
      begin_connection(session_id, timeout);
      break;
    case CClientSession::Change::Disconnected:
      if (state_ == SessionState::Connected) set_state(SessionState::Disconnected);
      break;
    case CClientSession::Change::Expired:
      end_epoch();
      set_state(SessionState::Expired);
      break;
  }
}

void SessionCore::begin_connection(std::int64_t session_id, std::chrono::milliseconds timeout) {
  session_id_ = session_id;
  timeout_ = timeout;
  if (!epoch_lives_) {
    ++epoch_;
    epoch_lives_ = true;
  }
  create_chroot();
  send_heartbeat();
  for (auto& [number, pending] : std::exchange(waiting_, {})) {
    pending->epoch = epoch_;
    send(pending);
  }
  set_state(SessionState::Connected);
}

void SessionCore::end_epoch() {
  epoch_lives_ = false;
  session_id_ = 0;
  lease_.end();
  for (auto* requests : {&in_flight_, &waiting_}) {
    for (auto request = requests->begin(); request != requests->end();) {
      const Pending pending = request->second;
      if (pending->epoch == 0) {
        ++request;
        continue;
      }
      request = requests->erase(request);
      finish_soon(pending, ZnodeError::SessionLost);
    }
  }
  watches_.fire_all();
}

void SessionCore::set_state(SessionState state) {
  if (state == state_) return;
  state_ = state;
  changed_.raise();
  changed_.reset();
  std::erase_if(listeners_, [](const auto& listener) { return listener.expired(); });
  const auto listeners = listeners_;  // one may subscribe or drop another one
  for (const auto& weak : listeners) {
    if (auto listener = weak.lock()) (*listener)(state, epoch_);
  }
}

// Requests are answered in order, so what follows finds it there.
void SessionCore::create_chroot() {
  if (chroot_exists_ || chroot_.empty()) return;
  for (auto end = chroot_.find('/', 1);; end = chroot_.find('/', end + 1)) {
    Request request;
    request.kind = Request::Kind::Create;
    request.path = chroot_.substr(0, end);
    send(enqueue(std::move(request), epoch_));
    if (end == std::string::npos) break;
  }
}

void SessionCore::send_heartbeat() {
  if (heartbeat_ && !heartbeat_->answered.raised()) return;
  Request request;
  request.kind = Request::Kind::Sync;
  request.path = "/";
  heartbeat_ = enqueue(std::move(request), epoch_);
  send(heartbeat_);
}

Session::Subscription SessionCore::subscribe(Session::Listener listener) {
  auto kept = std::make_shared<Session::Listener>(std::move(listener));
  listeners_.push_back(kept);
  return kept;
}

SessionCredentials SessionCore::credentials() const {
  if (session_id_ == 0 || !handle_) return {};
  return handle_->credentials();
}

awaitable<bool> SessionCore::connected(runtime::TimePoint deadline) {
  auto self = shared_from_this();
  while (state_ != SessionState::Connected) {
    if (state_ == SessionState::Closed || runtime::Clock::now() >= deadline) co_return false;
    co_await changed_.wait_until(deadline);
  }
  co_return true;
}

}  // namespace jobengine::zookeeper
