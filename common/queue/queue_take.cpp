// How entries are found and locked: one refresher keeps the view, any number of takers work it off.
#include "common/queue/queue_core.hpp"
#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::Epoch;
using zookeeper::ZnodeError;

// What failed for a reason that may pass is not tried again sooner.
constexpr auto retry_interval = std::chrono::seconds(1);

}  // namespace

awaitable<std::optional<TakenEntry>> QueueCore::take(runtime::Event& stop) {
  auto self = shared_from_this();
  auto loop = co_await asio::this_coro::executor;
  ++takers_;
  wanted_.raise();
  if (!view_is_kept_) {
    view_is_kept_ = true;
    spawn(loop, keep_view());
  }
  std::optional<TakenEntry> entry;
  while (!entry && !stop.raised() && !closed()) {
    // While every taker was busy the view was not kept: what was put since may be more urgent.
    if (news_are_due()) {
      co_await wait_for_news(stop);
      continue;
    }
    const auto names = view_.choose(runtime::Clock::now(), 1);
    if (names.empty()) {
      wanted_.raise();
      const auto due = view_.next_due().value_or(runtime::TimePoint::max());
      co_await runtime::Event::wait_either(view_changed_, stop, due);
      continue;
    }
    auto current = std::make_shared<Attempt>();
    current->name = names.front();
    spawn(loop, attempt(current));
    co_await runtime::Event::wait_either(current->ended, stop, runtime::TimePoint::max());
    if (!current->ended.raised()) current->given_up = true;
    entry = std::move(current->entry);
  }
  --takers_;
  if (takers_ == 0) wanted_.raise();
  if (!entry) co_await stop.wait();
  co_return entry;
}

void QueueCore::was_taken(const EntryName& name) {
  ++counters_.takes;
  view_.taken(name);
  trouble_.clear();
}

void QueueCore::lost_race(const EntryName& name) {
  ++counters_.lost_races;
  view_.drop(name);
}

// Not bound to its taker, which must be able to leave while ZooKeeper is away: a lock that nobody
// waits for any more is given back.
awaitable<void> QueueCore::attempt(std::shared_ptr<Attempt> attempt) {
  auto self = shared_from_this();
  try {
    attempt->entry = co_await try_to_take(attempt->name);
    if (attempt->entry && attempt->given_up) {
      TakenEntry unwanted = std::move(*attempt->entry);
      attempt->entry.reset();
      co_await release(std::move(unwanted), runtime::TimePoint());
    }
  } catch (const runtime::Failure&) {
    // The session was closed meanwhile: so is every lock.
  }
  attempt->ended.raise();
}

awaitable<std::optional<TakenEntry>> QueueCore::try_to_take(EntryName name) {
  std::optional<TakenEntry> entry;
  bool again = true;
  while (again && !closed()) {
    again = false;
    auto read = co_await session_->get(entry_path(name));
    if (closed()) break;
    if (read.error == ZnodeError::Ok) {
      // The answer came in this epoch: a lock made in another one would not be ours.
      const Epoch epoch = session_->epoch();
      entry = co_await take_with(name, std::move(read), epoch, again);
    } else if (read.error == ZnodeError::NoNode || zookeeper::outcome_unknown(read.error)) {
      lost_race(name);
    } else {
      trouble_ = "cannot read " + entry_path(name) + ": " + std::string(text(read.error));
      view_.put_back(name, runtime::Clock::now() + retry_interval);
    }
  }
  // Nobody keeps a record of an entry that was never taken.
  if (entry && entry->attempt() > 1) {
    const bool ours = co_await learn_record(*entry);
    if (!ours) {
      view_.drop(name);
      entry.reset();
    }
  }
  co_return entry;
}

awaitable<std::optional<TakenEntry>> QueueCore::take_with(EntryName name, zookeeper::DataReply read,
                                                          Epoch epoch, bool& again) {
  std::vector<zookeeper::Operation> operations;
  operations.push_back(zookeeper::set_operation(entry_path(name), read.data, read.stat.version));
  operations.push_back(
      zookeeper::create_operation(lock_path(name), taker_id_, zookeeper::CreateMode::Ephemeral));
  JE_CRASH_POINT("executor.take.before");
  auto reply = co_await send(operations, epoch);
  JE_CRASH_POINT("executor.take.after");
  std::int32_t version = read.stat.version + 1;
  if (reply.error == ZnodeError::BadArguments && !closed()) {
    // So large that there is no room for the lock in one request: whoever put that gets no count.
    operations[0] = zookeeper::check_operation(entry_path(name), read.stat.version);
    version = read.stat.version;
    reply = co_await send(operations, epoch);
  }
  std::optional<TakenEntry> entry;
  switch (reply.error) {
    case ZnodeError::Ok:
      entry.emplace(name, std::move(read.data), version, epoch);
      was_taken(name);
      break;
    case ZnodeError::BadVersion:
      again = true;
      break;  // taken and given back meanwhile
    case ZnodeError::ConnectionLoss:
      entry = co_await adopt(name, std::move(read.data), epoch, again);
      break;
    case ZnodeError::NodeExists:
    case ZnodeError::NoNode:
    case ZnodeError::SessionLost:
      lost_race(name);
      break;
    case ZnodeError::NotEmpty:
    case ZnodeError::NoChildrenForEphemerals:
    case ZnodeError::NotAllowed:
    case ZnodeError::BadArguments:
    case ZnodeError::RolledBack:
    case ZnodeError::Other:
      trouble_ = "cannot lock " + entry_path(name) + ": " + std::string(text(reply.error));
      view_.put_back(name, runtime::Clock::now() + retry_interval);
      break;
  }
  co_return entry;
}

// The answer to a take was lost: the lock says whether it happened.
awaitable<std::optional<TakenEntry>> QueueCore::adopt(EntryName name, std::string data, Epoch epoch,
                                                      bool& again) {
  std::optional<TakenEntry> entry;
  if (closed()) co_return entry;
  const Look look = co_await look_at(name);
  if (look.lock == Lock::Ours && look.entry_exists && same_epoch(epoch)) {
    entry.emplace(name, std::move(data), look.version, epoch);
    was_taken(name);
  } else if (look.lock == Lock::None && look.entry_exists) {
    again = true;
  } else {
    lost_race(name);
  }
  co_return entry;
}

}  // namespace jobengine::queue
