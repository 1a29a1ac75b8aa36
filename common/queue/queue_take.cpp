// How entries are found and locked: one refresher keeps the view, any number of takers work it off.
#include <algorithm>

#include "common/queue/queue_core.hpp"
#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::Epoch;
using zookeeper::ZnodeError;

// While there are free entries, only more urgent ones are news, and those may wait this long.
constexpr auto news_interval = std::chrono::milliseconds(50);
// Entries that come back (released, or their taker is gone) are no creations: seen at the next
// listing, which is not put off for longer while something changes.
constexpr auto oldest_view = std::chrono::seconds(1);
// What listing so many names may cost at most (measured: 27 ms for 100,000). It takes longer when
// the connection was away or the machine is busy, which is no reason to look more rarely
// afterwards: the next job on an idle system waits for the next listing.
runtime::Duration plausible_cost(std::size_t names) {
  return std::chrono::microseconds(200) + std::chrono::microseconds(1) * names;
}
// What failed for a reason that may pass is not tried again sooner.
constexpr auto retry_interval = std::chrono::seconds(1);
// A taker that waits for news takes what is known when they do not come.
constexpr auto longest_wait_for_news = std::chrono::seconds(1);

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
      wanted_.raise();
      const auto patience = runtime::Clock::now() + longest_wait_for_news;
      const bool told = co_await runtime::Event::wait_either(view_changed_, stop, patience);
      if (!told) next_news_check_ = runtime::Clock::now() + news_interval;
      continue;
    }
    const auto name = view_.choose(runtime::Clock::now());
    if (!name) {
      wanted_.raise();
      const auto due = view_.next_due().value_or(runtime::TimePoint::max());
      co_await runtime::Event::wait_either(view_changed_, stop, due);
      continue;
    }
    auto current = std::make_shared<Attempt>();
    current->name = *name;
    spawn(loop, attempt(current));
    co_await runtime::Event::wait_either(current->ended, stop, runtime::TimePoint::max());
    if (!current->ended.raised()) current->given_up = true;
    entry = std::move(current->entry);
  }
  --takers_;
  if (!entry) co_await stop.wait();
  co_return entry;
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
      view_.drop(name);
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
  auto reply = co_await session_->multi(operations, epoch);
  JE_CRASH_POINT("executor.take.after");
  std::int32_t version = read.stat.version + 1;
  if (reply.error == ZnodeError::BadArguments && !closed()) {
    // So large that there is no room for the lock in one request: whoever put that gets no count.
    operations[0] = zookeeper::check_operation(entry_path(name), read.stat.version);
    version = read.stat.version;
    reply = co_await session_->multi(operations, epoch);
  }
  std::optional<TakenEntry> entry;
  switch (reply.error) {
    case ZnodeError::Ok:
      entry.emplace(name, std::move(read.data), version, epoch);
      trouble_.clear();
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
      view_.drop(name);
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
  } else if (look.lock == Lock::None && look.entry_exists) {
    again = true;
  } else {
    view_.drop(name);
  }
  co_return entry;
}

// ---- the refresher: one a queue, from the first take on

awaitable<void> QueueCore::keep_view() {
  auto self = shared_from_this();
  runtime::Event never;
  while (!closed()) {
    bool listed = true;
    try {
      co_await list_folders();
      trouble_.clear();
    } catch (const runtime::Failure& failure) {
      listed = false;  // forbidden, or closed: the view stays as it is
      trouble_ = failure.what();
    }
    if (!listed) {
      co_await never.wait_for(retry_interval);
      continue;
    }
    next_news_check_ = runtime::Clock::now() + news_interval;
    view_changed();
    bool pays = closed();
    while (!pays) pays = co_await wait_until_listing_pays();
  }
}

awaitable<void> QueueCore::list_folders() {
  for (;;) {
    const auto began = runtime::Clock::now();
    folders_changed_ = zookeeper::make_watch();
    // Entries first: what is taken between the two listings is then seen as taken.
    auto entries_read = session().children(entries_path_, folders_changed_);
    auto taken_read = session().children(taken_path_, folders_changed_);
    const auto entries = co_await std::move(entries_read);
    const auto taken = co_await std::move(taken_read);
    if (closed()) co_return;
    if (entries.error == ZnodeError::NoNode || taken.error == ZnodeError::NoNode) {
      co_await ensure_folders();
      continue;
    }
    if (zookeeper::outcome_unknown(entries.error) || zookeeper::outcome_unknown(taken.error)) {
      continue;
    }
    if (entries.error != ZnodeError::Ok || taken.error != ZnodeError::Ok) {
      const auto error = entries.error != ZnodeError::Ok ? entries.error : taken.error;
      throw runtime::Failure("cannot list the queue: " + std::string(text(error)));
    }
    learn_from(entries.stat);
    listed_creations_ = creations(entries.stat);
    const auto ended = runtime::Clock::now();
    const auto cost = std::min<runtime::Duration>(
        ended - began, plausible_cost(entries.names.size() + taken.names.size()));
    listed_at_ = ended;
    view_.refresh(entries.names, taken.names, ended, cost);
    co_return;
  }
}

// One step of waiting; true when the folders should be listed now. They are when a folder changed,
// the pacing allows it, and somebody has nothing to take or may be missing something more urgent.
awaitable<bool> QueueCore::wait_until_listing_pays() {
  wanted_.reset();
  if (closed()) co_return true;
  const auto changed = folders_changed_;
  const auto never = runtime::TimePoint::max();
  if (takers_ == 0) {
    co_await wanted_.wait();
    co_return false;
  }
  const auto now = runtime::Clock::now();
  const bool dry = view_.dry(now);
  if (!changed->raised()) {
    const auto patience = dry ? never : now + news_interval;
    co_await runtime::Event::wait_either(*changed, wanted_, patience);
    co_return false;
  }
  const auto allowed =
      dry ? view_.next_refresh() : std::max(view_.next_refresh(), next_news_check_);
  if (now < allowed) {
    co_await wanted_.wait_until(allowed);
    co_return false;
  }
  if (dry) co_return true;
  next_news_check_ = now + news_interval;
  const bool news = co_await folder_has_news();
  if (!news) view_changed();
  co_return news || closed();
}

bool QueueCore::news_are_due() const {
  const auto now = runtime::Clock::now();
  return folders_changed_ && folders_changed_->raised() && now >= next_news_check_ &&
         now >= view_.next_refresh() && !view_.dry(now);
}

// Cheaper than a listing by far. That others consume entries is no news to a view that has more,
// until most of them must be gone: each would cost a take in vain.
awaitable<bool> QueueCore::folder_has_news() {
  const auto folder = co_await session_->exists(entries_path_);
  if (folder.error != ZnodeError::Ok) co_return true;
  const auto entries = static_cast<std::size_t>(folder.stat.child_count);
  const bool old = runtime::Clock::now() - listed_at_ >= oldest_view;
  co_return old || creations(folder.stat) != listed_creations_ || entries < view_.size() / 2;
}

}  // namespace jobengine::queue
