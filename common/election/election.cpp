#include "common/election/election.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/election/candidacy.hpp"
#include "common/runtime/backoff.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::election {

namespace {

using zookeeper::LeaseClock;
using zookeeper::ZnodeError;

constexpr runtime::BackoffLimits retry_pace{std::chrono::milliseconds(200),
                                            std::chrono::seconds(30)};
// How long a campaign that is to stop waits for ZooKeeper to delete its node; if it does not, the
// session's end will.
constexpr auto farewell = std::chrono::seconds(2);

// The answer, or nothing when `stop` is raised or `deadline` passes first: the request itself goes
// on then, which is why it must not refer to anything of ours.
template <class T>
awaitable<std::optional<T>> answer_or_stop(awaitable<T> request, runtime::Event& stop,
                                           runtime::TimePoint deadline) {
  struct Race {
    runtime::Event ended;
    std::optional<T> answer;
  };
  auto race = std::make_shared<Race>();
  auto wrapped = [](awaitable<T> inner, std::shared_ptr<Race> shared) -> awaitable<void> {
    shared->answer = co_await std::move(inner);
    shared->ended.raise();
  };
  auto failed = [](std::exception_ptr failure) {
    if (failure) std::rethrow_exception(failure);
  };
  auto loop = co_await asio::this_coro::executor;
  asio::co_spawn(loop, wrapped(std::move(request), race), failed);
  co_await runtime::Event::wait_either(race->ended, stop, deadline);
  co_return std::move(race->answer);
}

// From the clock of the lease to the one of the timers.
runtime::Duration until_end_of_lease(const zookeeper::Session& session) {
  const auto end = session.lease_valid_until();
  const auto now = LeaseClock::now();
  // Time for `lead` to return while the lease still holds.
  const auto margin = session.timeout() / 12;
  return end <= now + margin ? runtime::Duration(0) : end - now - margin;
}

}  // namespace

Election::Election(zookeeper::Session& session, std::string path, std::string identifier)
    : session_(session),
      path_(std::move(path)),
      identifier_(std::move(identifier)),
      prefix_(random_contender_prefix()) {}

awaitable<void> Election::campaign(Lead lead, runtime::Event& stop) {
  runtime::Backoff pace(retry_pace);
  while (!stop.raised()) {
    bool served_well = false;
    try {
      auto term = co_await win(stop);
      if (term) served_well = co_await serve(lead, *term, stop);
    } catch (const runtime::Failure&) {
      // ZooKeeper refuses; perhaps not for ever.
    }
    co_await withdraw(stop);
    if (served_well) pace.reset();
    if (!served_well && !stop.raised()) {
      const auto delay = pace.next();
      co_await runtime::pause(delay, stop);
    }
  }
}

// Nothing only when `stop` is raised.
awaitable<std::optional<Leadership>> Election::win(runtime::Event& stop) {
  const auto never = runtime::TimePoint::max();
  std::optional<Leadership> term;
  while (!stop.raised()) {
    auto asked = session_.children(path_);
    const auto listing = co_await answer_or_stop(std::move(asked), stop, never);
    if (!listing) break;
    if (listing->error == ZnodeError::NoNode) {
      co_await make_folder(stop);
      continue;
    }
    if (session_.state() == zookeeper::SessionState::Closed) {
      co_await stop.wait();
      break;
    }
    if (zookeeper::outcome_unknown(listing->error)) continue;
    if (listing->error != ZnodeError::Ok) {
      throw runtime::Failure("cannot list " + path_ + ": " + std::string(text(listing->error)));
    }
    const auto epoch = session_.epoch();
    std::vector<std::string> names = listing->names;
    const std::string own = co_await own_node(std::move(names), stop);
    if (own.empty()) {
      co_await stand(stop, epoch);
      continue;
    }
    const Standing standing = standing_of(listing->names, own);
    if (standing.predecessor.empty() && session_.epoch() == epoch) {
      term.emplace();
      term->epoch = epoch;
      term->node = path_ + "/" + own;
      break;
    }
    if (!standing.predecessor.empty()) co_await wait_behind(standing.predecessor, stop);
  }
  co_return term;
}

// Like ensure_path(), but does not outstay `stop`.
awaitable<void> Election::make_folder(runtime::Event& stop) {
  const auto never = runtime::TimePoint::max();
  for (auto end = path_.find('/', 1);; end = path_.find('/', end + 1)) {
    const std::string part = path_.substr(0, end);
    auto asked = session_.create(part, "", zookeeper::CreateMode::Persistent);
    const auto made = co_await answer_or_stop(std::move(asked), stop, never);
    if (!made || zookeeper::outcome_unknown(made->error)) co_return;  // the listing will show it
    if (made->error != ZnodeError::Ok && made->error != ZnodeError::NodeExists) {
      throw runtime::Failure("cannot create " + part + ": " + std::string(text(made->error)));
    }
    if (end == std::string::npos) co_return;
  }
}

// Our node in the current session, made by whichever create; empty when there is none.
awaitable<std::string> Election::own_node(std::vector<std::string> names, runtime::Event& stop) {
  const auto never = runtime::TimePoint::max();
  for (const std::string& name : in_order(names)) {
    if (!name.starts_with(prefix_)) continue;
    auto asked = session_.exists(path_ + "/" + name);
    const auto node = co_await answer_or_stop(std::move(asked), stop, never);
    if (!node) break;
    // One of a session before this one goes away by itself.
    const bool ours = node->error == ZnodeError::Ok && session_.session_id() != 0 &&
                      node->stat.ephemeral_owner == session_.session_id();
    if (ours) co_return name;
  }
  co_return std::string();
}

// Makes our node. An answer that is lost needs nothing here: the next listing shows our prefix.
awaitable<bool> Election::stand(runtime::Event& stop, zookeeper::Epoch epoch) {
  const auto never = runtime::TimePoint::max();
  std::vector<zookeeper::Operation> operations;
  operations.push_back(zookeeper::create_operation(path_ + "/" + prefix_, identifier_,
                                                   zookeeper::CreateMode::EphemeralSequential));
  auto asked = session_.multi(std::move(operations), epoch);
  const auto made = co_await answer_or_stop(std::move(asked), stop, never);
  if (!made || zookeeper::outcome_unknown(made->error)) co_return false;
  if (made->error != ZnodeError::Ok && made->error != ZnodeError::NoNode) {
    throw runtime::Failure("cannot stand for " + path_ + ": " + std::string(text(made->error)));
  }
  co_return true;
}

// Until the predecessor's node changed, or the session did.
awaitable<bool> Election::wait_behind(std::string predecessor, runtime::Event& stop) {
  const auto never = runtime::TimePoint::max();
  auto gone = zookeeper::make_watch();
  auto asked = session_.get(path_ + "/" + predecessor, gone);
  const auto node = co_await answer_or_stop(std::move(asked), stop, never);
  if (!node || node->error != ZnodeError::Ok) co_return false;
  co_await runtime::Event::wait_either(*gone, stop, never);
  co_return true;
}

// False when `lead` failed, or gave up although nothing asked it to.
awaitable<bool> Election::serve(const Lead& lead, Leadership term, runtime::Event& stop) {
  struct Service {
    runtime::Event over;
    runtime::Event ended;
    runtime::Event wake;  // ended, or the session changed
    bool failed = false;
  };
  auto service = std::make_shared<Service>();
  auto subscription = session_.subscribe(
      [service](zookeeper::SessionState, zookeeper::Epoch) { service->wake.raise(); });
  auto ended = [service](std::exception_ptr failure) {
    service->failed = failure != nullptr;
    service->ended.raise();
    service->wake.raise();
  };
  auto loop = co_await asio::this_coro::executor;
  asio::co_spawn(loop, lead(term, service->over), ended);
  // The lease moves, and timers do not count time spent suspended: look now and then.
  constexpr runtime::Duration longest_look_away = std::chrono::seconds(1);
  while (!service->ended.raised() && !service->over.raised()) {
    service->wake.reset();
    const auto left = until_end_of_lease(session_);
    if (stop.raised() || !holds(term) || left == runtime::Duration(0)) {
      service->over.raise();
      break;
    }
    const auto deadline = runtime::Clock::now() + std::min(left, longest_look_away);
    co_await runtime::Event::wait_either(service->wake, stop, deadline);
  }
  co_await service->ended.wait();
  co_return service->over.raised() && !service->failed;
}

// Deletes our nodes of this session. When ZooKeeper is away it waits, but not for long after
// `stop`.
awaitable<void> Election::withdraw(runtime::Event& stop) {
  runtime::Event never_raised;
  const auto never = runtime::TimePoint::max();
  for (bool known = false; !known;) {
    const bool stopping = stop.raised();
    runtime::Event& interrupted = stopping ? never_raised : stop;
    const auto deadline = stopping ? runtime::Clock::now() + farewell : never;
    if (session_.state() == zookeeper::SessionState::Closed) break;
    auto asked = session_.children(path_);
    const auto listing = co_await answer_or_stop(std::move(asked), interrupted, deadline);
    if (!listing && stopping) break;
    if (!listing || zookeeper::outcome_unknown(listing->error)) continue;
    known = true;
    for (const std::string& name : listing->names) {
      if (!name.starts_with(prefix_)) continue;
      auto removal = session_.remove(path_ + "/" + name, zookeeper::Operation::any_version);
      const auto removed = co_await answer_or_stop(std::move(removal), interrupted, deadline);
      if (!removed && stopping) co_return;
      if (!removed || zookeeper::outcome_unknown(*removed)) known = false;
    }
  }
}

bool Election::holds(const Leadership& term) const {
  return session_.epoch() == term.epoch && LeaseClock::now() < session_.lease_valid_until();
}

awaitable<std::vector<std::string>> Election::contenders() {
  std::vector<std::string> identifiers;
  const auto listing = co_await session_.children(path_);
  if (listing.error != ZnodeError::Ok && listing.error != ZnodeError::NoNode) {
    throw runtime::Failure("cannot list " + path_ + ": " + std::string(text(listing.error)));
  }
  for (const std::string& name : in_order(listing.names)) {
    const auto node = co_await session_.get(path_ + "/" + name);
    if (node.error == ZnodeError::Ok) identifiers.push_back(node.data);
  }
  co_return identifiers;
}

}  // namespace jobengine::election
