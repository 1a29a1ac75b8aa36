// What is new in the queue, learned without listing it: from the folders' counts, and by asking for
// the names that new entries must bear.
#include <algorithm>
#include <utility>

#include "common/queue/announcement.hpp"
#include "common/queue/queue_core.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::ZnodeError;

// While there are free entries, only more urgent ones are news, and those may wait this long.
constexpr auto news_interval = std::chrono::milliseconds(50);
// Without takes that pay for a look, and before what came back is listed.
constexpr auto oldest_view = std::chrono::seconds(1);
// A taker waits for what is new when nobody has looked for so long.
constexpr auto old_view = std::chrono::milliseconds(250);
// … but not longer than this.
constexpr auto longest_wait_for_news = std::chrono::seconds(1);
// A look is some 260 bytes, a name in a listing 24; a take earns 32 for each of the two.
constexpr std::int64_t takes_for_look = 8;
constexpr std::int64_t bytes_of_name = 24;
constexpr std::int64_t earned_by_take = 32;
// What came back is listed for at most some 20 KB a second.
constexpr auto came_back_pace = std::chrono::milliseconds(1);
// What a listing passed over as just allotted to others is given up if it is still free after this.
constexpr auto longest_allotted = std::chrono::milliseconds(2500);
// Asking for a name costs some 90 bytes: more new entries than these are listed.
constexpr std::int64_t most_asked_for = 64;
// Nor is there a name for each number and each of very many priorities.
constexpr std::size_t most_priorities = 4;

}  // namespace

// Both counts, without a name. Nothing when they could not be had: the folders are to be listed.
awaitable<std::optional<QueueCore::FolderCounts>> QueueCore::look() {
  ++counters_.looks;
  // Locks first: what happens between the two then looks free rather than gone.
  auto taken_read = session().exists(taken_path_);
  auto entries_read = session().get(entries_path_);
  const auto taken = co_await std::move(taken_read);
  auto entries = co_await std::move(entries_read);
  std::optional<FolderCounts> counts;
  if (entries.error != ZnodeError::Ok || taken.error != ZnodeError::Ok) co_return counts;
  look_paid_ = 0;
  looked_at_ = runtime::Clock::now();
  next_news_check_ = looked_at_ + news_interval;
  counts = FolderCounts{entries.stat, taken.stat, std::move(entries.data)};
  co_return counts;
}

void QueueCore::pay_for_look() {
  look_paid_ = takes_for_look;
  next_news_check_ = runtime::Clock::now() + news_interval;
}

// A look is paid for by some takes; what is more urgent is never waited for much longer than a
// second.
bool QueueCore::news_are_due() const {
  const auto now = runtime::Clock::now();
  if (!listed_ || now < next_news_check_ || view_.dry(now)) return false;
  return look_paid_ >= takes_for_look || now - looked_at_ >= oldest_view;
}

bool QueueCore::view_is_old() const {
  return news_are_due() && runtime::Clock::now() - looked_at_ >= old_view;
}

void QueueCore::earn_by_take() {
  ++own_takes_;
  ++look_paid_;
  earned_ += earned_by_take;
}

awaitable<void> QueueCore::wait_for_news(runtime::Event& stop) {
  wanted_.raise();
  const auto patience = runtime::Clock::now() + longest_wait_for_news;
  const bool told = co_await runtime::Event::wait_either(view_changed_, stop, patience);
  if (!told) next_news_check_ = runtime::Clock::now() + news_interval;
}

// What the counts tell to a view that knows of something; false when only a listing can tell more.
awaitable<bool> QueueCore::learn(FolderCounts counts) {
  const FolderCounts before = std::exchange(*seen_, counts);
  const bool other_folder = counts.entries.created_zxid != before.entries.created_zxid ||
                            counts.taken.created_zxid != before.taken.created_zxid;
  if (other_folder) co_return false;
  const bool names_known = co_await learn_names(before, counts);
  if (closed() || !names_known) co_return false;
  const bool too_many = free_in(counts) < static_cast<std::int64_t>(view_.size());
  if (too_many) co_await look_at_allotments();
  learn_from(counts.entries);
  const std::int64_t locked = creations(counts.taken) - creations(before.taken);
  view_.others_took(locked - own_takes_);
  view_.expect_no_more_than(free_in(counts));
  own_takes_ = 0;
  if (recheck_ && runtime::Clock::now() - listed_at_ >= longest_allotted) {
    recheck_ = false;
    const bool given_up = co_await some_given_up();
    if (closed()) co_return false;
    given_up_ = given_up;
  }
  co_return !listing_pays(counts);
}

bool QueueCore::listing_pays(const FolderCounts& counts) {
  const auto now = runtime::Clock::now();
  // Locks that ended without their entry: it came back.
  const bool came_back = counts.ended_locks() - listed_->ended_locks() >
                         counts.ended_entries() - listed_->ended_entries();
  const std::int64_t names = counts.entries.child_count + counts.taken.child_count;
  const auto patience = std::max<runtime::Duration>(oldest_view, names * came_back_pace);
  if ((came_back || given_up_) && now - listed_at_ >= patience) {
    for_came_back_ = came_back;
    return true;
  }
  // A safety net: what was reckoned wrongly is found in the end, for a share of what takes cost.
  const bool sure = free_in(counts) == static_cast<std::int64_t>(view_.size());
  return !sure && earned_ >= names * bytes_of_name;
}

// The numbers of new entries follow from the counts, and mostly their priority, too: where all have
// the same. Where they do not, each is asked for by the names it may bear.
awaitable<bool> QueueCore::learn_names(FolderCounts before, FolderCounts counts) {
  const std::int64_t first = creations(before.entries);
  const std::int64_t end = creations(counts.entries);
  const bool announced = counts.entries.version != before.entries.version;
  const auto priorities = announced ? announced_in(counts.announcement) : std::vector<int>();
  // Engines before this one announce without saying what.
  bool other = announced && priorities.empty();
  for (const int priority : priorities) {
    note_priority(priority);
    other = other || priority != view_.only_priority();
  }
  if (first == end || (!other && view_.expect(first, end))) co_return true;
  if (!asking_helps_ || end - first > most_asked_for) co_return false;
  const std::int64_t ended = counts.ended_entries() - before.ended_entries();
  const std::int64_t missing = co_await ask_for(first, end);
  // Some may be done with already.
  asking_helps_ = missing <= ended;
  co_return asking_helps_;
}

// How many of these numbers were not found.
awaitable<std::int64_t> QueueCore::ask_for(std::int64_t first, std::int64_t end) {
  std::vector<EntryName> names;
  std::vector<awaitable<zookeeper::StatReply>> reads;
  for (std::int64_t number = first; number < end; ++number) {
    for (const int priority : priorities_) {
      names.push_back({priority, number});
      reads.push_back(session().exists(entry_path(names.back())));
    }
  }
  std::vector<EntryName> found;
  for (std::size_t i = 0; i < reads.size(); ++i) {
    const auto read = co_await std::move(reads[i]);
    if (read.error == ZnodeError::Ok) found.push_back(names[i]);
  }
  const std::int64_t missing = end - first - static_cast<std::int64_t>(found.size());
  if (!closed()) view_.learn(found);
  co_return missing;
}

// Whether any of what the last listing passed over is still there without a lock. Only some of it
// is asked for, most of which is gone by now: that costs next to nothing, where each newcomer to a
// crowd would list a long queue once more. What they miss is found by a listing that takes pay for;
// what is not answered is taken for given up, as a listing is always right.
awaitable<bool> QueueCore::some_given_up() {
  const std::vector<EntryName> names = view_.passed_over();
  std::vector<awaitable<zookeeper::StatReply>> reads;
  for (const EntryName& name : names) reads.push_back(session().exists(entry_path(name)));
  std::vector<awaitable<zookeeper::StatReply>> locks;
  for (std::size_t i = 0; i < reads.size(); ++i) {
    const auto entry = co_await std::move(reads[i]);
    if (entry.error != ZnodeError::NoNode) locks.push_back(session().exists(lock_path(names[i])));
  }
  bool any = false;
  for (auto& lock : locks) {
    const auto read = co_await std::move(lock);
    any = any || read.error != ZnodeError::Ok;
  }
  co_return any;
}

void QueueCore::note_listed_priorities() {
  const auto listed = view_.listed_priorities(most_priorities + 1);
  asking_helps_ = listed.size() <= most_priorities;
  for (const int priority : listed) note_priority(priority);
}

// The latest first.
void QueueCore::note_priority(int priority) {
  std::erase(priorities_, priority);
  priorities_.insert(priorities_.begin(), priority);
  if (priorities_.size() > most_priorities) priorities_.pop_back();
}

}  // namespace jobengine::queue
