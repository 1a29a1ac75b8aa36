// The refresher: keeps the view, one a queue, from the first take on.
#include <algorithm>
#include <random>
#include <utility>

#include "common/queue/queue_core.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::ZnodeError;

// What listing so many names may cost at most (measured: 27 ms for 100,000). It takes longer when
// the connection was away or the machine is busy, which is no reason to look more rarely
// afterwards: the next job on an idle system waits for the next listing.
runtime::Duration plausible_cost(std::size_t names) {
  return std::chrono::microseconds(200) + std::chrono::microseconds(1) * names;
}
// To a taker with nothing to take, the counts of the folders tell almost everything.
constexpr auto oldest_idle_view = std::chrono::seconds(10);
// What failed for a reason that may pass is not tried again sooner.
constexpr auto retry_interval = std::chrono::seconds(1);
// Whoever is back so soon keeps its place in the line.
constexpr auto leave_grace = std::chrono::milliseconds(20);
// The same while there is something for others to take.
constexpr auto crowded_grace = std::chrono::milliseconds(5);
// So many entries for each taker of ours are not for us alone.
constexpr std::size_t enough_for_many = 4;
// With so many free entries, those who take them at random hardly meet.
constexpr std::int64_t plenty = 16;

// How long a member of the line goes without looking by itself: all together look about once a
// second.
runtime::Duration own_look_interval(std::int32_t members) {
  static thread_local std::minstd_rand random(std::random_device{}());
  const int most = std::clamp(members, 1, 8) * 1000;
  std::uniform_int_distribution<int> milliseconds(most * 7 / 10, most * 13 / 10);
  return std::chrono::milliseconds(milliseconds(random));
}

}  // namespace

bool QueueCore::same_state(const FolderCounts& one, const FolderCounts& other) {
  return one.entries.created_zxid == other.entries.created_zxid &&
         one.taken.created_zxid == other.taken.created_zxid &&
         one.entries.child_version == other.entries.child_version &&
         one.taken.child_version == other.taken.child_version;
}

awaitable<void> QueueCore::keep_view() {
  auto self = shared_from_this();
  runtime::Event never;
  while (!closed()) {
    bool well = true;
    try {
      co_await keep_view_once();
    } catch (const runtime::Failure& failure) {
      well = false;  // forbidden, or closed: the view stays as it is
      trouble_ = failure.what();
    }
    if (!well && !closed()) co_await never.wait_for(retry_interval);
  }
}

// One step of it, or of waiting for the next.
awaitable<void> QueueCore::keep_view_once() {
  wanted_.reset();
  const auto now = runtime::Clock::now();
  if (takers_ == 0) {
    co_await rest();
  } else if (!listed_) {
    co_await list_folders(false);
  } else if (!view_.dry(now)) {
    co_await keep_current();
  } else {
    co_await find_something();
  }
}

// Nobody wants anything.
awaitable<void> QueueCore::rest() {
  if (!line_.inside()) {
    co_await wanted_.wait();
    co_return;
  }
  const bool dry = view_.dry(runtime::Clock::now());
  const auto grace = dry ? leave_grace : crowded_grace;
  co_await wanted_.wait_for(grace);
  if (takers_ == 0 && !closed()) co_await line_.leave(*this);
}

// There is something to take, but there may be something more urgent.
awaitable<void> QueueCore::keep_current() {
  const auto takers = static_cast<std::size_t>(takers_);
  if (line_.inside() && view_.size() > enough_for_many * (takers + 1)) {
    co_await line_.leave(*this);
    co_return;
  }
  const auto listing_at = listing_due_ ? view_.next_refresh() : runtime::TimePoint::max();
  if (runtime::Clock::now() >= listing_at) {
    co_await list_folders(false);
    co_return;
  }
  if (!news_are_due()) {
    co_await wanted_.wait_until(std::min(next_news_check_, listing_at));
    // Not due for want of takes: those who come ask for it.
    if (runtime::Clock::now() >= next_news_check_ && !news_are_due()) {
      co_await wanted_.wait_until(listing_at);
    }
    co_return;
  }
  const auto seen = co_await look();
  const bool told = seen && co_await learn(*seen);
  listing_due_ = listing_due_ || !told;
  const bool allowed = runtime::Clock::now() >= view_.next_refresh();
  if (!listing_due_ || !allowed) view_changed();
}

// There is nothing to take, as far as we know. Were all to look and to list now, all would try to
// take the same few entries: only where there are plenty is there no need for the line.
awaitable<void> QueueCore::find_something() {
  const auto allowed = view_.next_refresh();
  if (runtime::Clock::now() < allowed) {
    co_await wanted_.wait_until(allowed);
    co_return;
  }
  bool left_over = false;
  if (!line_.inside()) {
    const auto seen = co_await look();
    if (!seen || (listing_helps(*seen) && free_in(*seen) > plenty)) {
      co_await list_folders(false);
      co_return;
    }
    // What is there already may have been put back by the first one, who has stepped back for it.
    left_over = listing_helps(*seen);
    next_own_look_ = runtime::Clock::now() + own_look_interval(left_over ? 1 : line_.members());
  }
  const bool told = line_.before_us() && line_.before_us()->raised();
  std::exception_ptr refused;
  try {
    co_await line_.stand(*this);
  } catch (const runtime::Failure&) {
    refused = std::current_exception();
  }
  if (refused) {
    // No line for us: we look for ourselves, at the pace of retries.
    if (left_over && !closed()) co_await list_folders(false);
    std::rethrow_exception(refused);
  }
  if (line_.first()) {
    if (told) ++counters_.wake_ups;
    co_await watch_folders();
  } else if (line_.inside()) {
    co_await wait_in_line();
  }
}

// First in line: whatever happens in the folders wakes us.
awaitable<void> QueueCore::watch_folders() {
  const bool watching = folders_changed_ && !folders_changed_->raised();
  if (!watching) {
    if (folders_changed_) ++counters_.wake_ups;
    folders_changed_.reset();
    // Watching what we take ourselves would wake us again.
    const auto seen = co_await look();
    const bool watch = seen && !listing_helps(*seen);
    co_await list_folders(watch);
    if (watch) co_await step_back();
    co_return;
  }
  const auto changed = folders_changed_;
  const auto due = std::min(next_own_look_, view_.next_due().value_or(runtime::TimePoint::max()));
  co_await runtime::Event::wait_either(*changed, wanted_, due);
  if (!changed->raised()) co_await look_by_itself();
}

// What we put back others may be able to take: they get to be first once, too.
awaitable<void> QueueCore::step_back() {
  const bool dry = view_.dry(runtime::Clock::now());
  if (!line_.inside() || !dry || view_.put_back_count() == 0) co_return;
  if (stepped_back_ && same_state(*stepped_back_, *listed_)) co_return;
  stepped_back_ = listed_;
  co_await line_.count(*this);
  if (line_.members() > 1) co_await line_.leave(*this);
}

awaitable<void> QueueCore::wait_in_line() {
  const auto gone = line_.before_us();
  const auto due = std::min(next_own_look_, view_.next_due().value_or(runtime::TimePoint::max()));
  co_await runtime::Event::wait_either(*gone, wanted_, due);
  if (!gone->raised()) co_await look_by_itself();
}

// Not woken, but because whoever should be may be frozen.
awaitable<void> QueueCore::look_by_itself() {
  if (closed() || runtime::Clock::now() < next_own_look_) co_return;
  co_await line_.count(*this);
  next_own_look_ = runtime::Clock::now() + own_look_interval(line_.members());
  const auto seen = co_await look();
  if (!seen || listing_helps(*seen)) co_await list_folders(false);
}

// How many are free, for whoever they are. What is no entry, and locks without one, are reckoned as
// at the last listing.
std::int64_t QueueCore::free_in(const FolderCounts& counts) const {
  return view_.listed_free() + counts.surplus() - listed_->surplus();
}

// Whether a listing would name something that can be taken, to a view that knows of nothing. The
// reckoning may be wrong in the end, so what changed is listed now and then.
bool QueueCore::listing_helps(const FolderCounts& counts) const {
  if (listing_due_) return true;
  if (same_state(counts, *listed_)) return false;
  const bool old = runtime::Clock::now() - listed_at_ >= oldest_idle_view;
  return old || free_in(counts) > static_cast<std::int64_t>(view_.put_back_count());
}

awaitable<void> QueueCore::list_folders(bool watch) {
  for (;;) {
    const auto began = runtime::Clock::now();
    // One that is still set will tell of whatever comes after this.
    const bool set = folders_changed_ && !folders_changed_->raised();
    if (watch && !set) folders_changed_ = zookeeper::make_watch();
    const zookeeper::Watch changed = watch && !set ? folders_changed_ : nullptr;
    // Entries first: what is taken between the two listings is then seen as taken.
    auto entries_read = session().children(entries_path_, changed);
    auto taken_read = session().children(taken_path_, changed);
    const auto entries = co_await std::move(entries_read);
    const auto taken = co_await std::move(taken_read);
    if (closed()) co_return;
    // Only an answer sets a watch: what was asked for in vain will never tell.
    const bool listed = entries.error == ZnodeError::Ok && taken.error == ZnodeError::Ok;
    if (changed && !listed) folders_changed_.reset();
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
    if (listed_ && listed_->entries.created_zxid != entries.stat.created_zxid) {
      view_.forget_allotments();
    }
    listed_ = FolderCounts{entries.stat, taken.stat, {}};
    const auto ended = runtime::Clock::now();
    const auto cost = std::min<runtime::Duration>(
        ended - began, plausible_cost(entries.names.size() + taken.names.size()));
    listed_at_ = looked_at_ = ended;
    seen_ = listed_;
    listing_due_ = false;
    own_takes_ = 0;
    earned_ = 0;
    pay_for_look();  // the first one after it is free
    ++counters_.listings;
    counters_.listed_names += entries.names.size() + taken.names.size();
    view_.refresh(entries.names, taken.names, ended, cost);
    note_listed_priorities();
    recheck_ = std::exchange(for_came_back_, false) && !view_.passed_over().empty();
    given_up_ = false;
    break;
  }
  trouble_.clear();
  view_changed();
}

}  // namespace jobengine::queue
