// The refresher: keeps the view, one a queue, from the first take on.
#include <algorithm>

#include "common/queue/queue_core.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

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
    ++counters_.listings;
    counters_.listed_names += entries.names.size() + taken.names.size();
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

awaitable<void> QueueCore::wait_for_news(runtime::Event& stop) {
  wanted_.raise();
  const auto patience = runtime::Clock::now() + longest_wait_for_news;
  const bool told = co_await runtime::Event::wait_either(view_changed_, stop, patience);
  if (!told) next_news_check_ = runtime::Clock::now() + news_interval;
}

// Cheaper than a listing by far. That others consume entries is no news to a view that has more,
// until most of them must be gone: each would cost a take in vain.
awaitable<bool> QueueCore::folder_has_news() {
  ++counters_.looks;
  const auto folder = co_await session_->exists(entries_path_);
  if (folder.error != ZnodeError::Ok) co_return true;
  const auto entries = static_cast<std::size_t>(folder.stat.child_count);
  const bool old = runtime::Clock::now() - listed_at_ >= oldest_view;
  co_return old || creations(folder.stat) != listed_creations_ || entries < view_.size() / 2;
}

}  // namespace jobengine::queue
