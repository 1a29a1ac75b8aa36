// The view's part of allotments: which names are set aside for us, and which for others.
#include <algorithm>
#include <functional>
#include <limits>

#include "common/queue/queue_view.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

// Who was allotted an entry takes it within about a second; what is still free after this was given
// up.
constexpr auto settling = std::chrono::seconds(2);

}  // namespace

// The first of free_ that is more urgent than `name`.
QueueView::Place QueueView::after(const EntryName& name) {
  return std::upper_bound(free_.begin(), free_.end(), name, std::greater<>());
}

std::int64_t QueueView::allotted_before(int priority) const {
  const auto known = known_.find(priority);
  return known == known_.end() ? std::numeric_limits<std::int64_t>::min() : known->second.now;
}

bool QueueView::left_over(const EntryName& name) const {
  return name.sequence < allotted_before(name.priority);
}

void QueueView::settle(TimePoint now) {
  for (auto& [priority, known] : known_) {
    if (now - known.since < settling) continue;
    known.settled = known.recent;
    known.recent = known.now;
    known.since = now;
  }
}

std::size_t QueueView::allotted() const {
  if (allotted_.empty()) return 0;
  const bool more_urgent = !free_.empty() && free_.back().priority < allotted_.begin()->priority;
  return more_urgent ? 0 : allotted_.size();
}

std::size_t QueueView::to_allot(std::size_t most) {
  if (options_.head_window <= 1) return 0;  // strict order was asked for
  name_expected(most);
  if (free_.empty()) return 0;
  const int priority = free_.back().priority;
  const auto last = after({priority, allotted_before(priority)});
  const auto first = after({priority + 1, std::numeric_limits<std::int64_t>::min()});
  return std::min(most, static_cast<std::size_t>(std::max<std::ptrdiff_t>(last - first, 0)));
}

std::vector<EntryName> QueueView::propose(std::size_t most) {
  JE_CHECK(proposed_.empty(), "one proposal at a time");
  const std::size_t count = to_allot(most);
  if (count == 0) return {};
  const int priority = free_.back().priority;
  const auto last = after({priority, allotted_before(priority)});
  const auto first = last - static_cast<std::ptrdiff_t>(count);
  proposed_.assign(std::make_reverse_iterator(last), std::make_reverse_iterator(first));
  free_.erase(first, last);
  return proposed_;
}

void QueueView::proposal_stands() {
  for (const EntryName& name : proposed_) {
    allotted_.insert(name);
    Known& known = known_[name.priority];
    known.now = std::max(known.now, name.sequence + 1);
  }
  proposed_.clear();
}

void QueueView::proposal_fell() {
  for (const EntryName& name : proposed_) insert(name);
  proposed_.clear();
}

void QueueView::were_allotted(int priority, std::int64_t before, TimePoint now) {
  settle(now);
  const std::int64_t known_before = allotted_before(priority);
  const auto [place, added] = known_.try_emplace(priority);
  Known& known = place->second;
  if (added) known.since = now;
  if (before <= known_before) return;
  known.now = before;
  if (added) known.recent = before;
  const auto first = after({priority, before});
  const auto last = after({priority, known_before});
  // Those of before we came may have been given up long ago.
  if (added) note_passed_over(first, last);
  free_.erase(first, last);
  if (expected_priority_ == priority) next_ = std::min(std::max(before, next_), end_);
}

// What the last listing named as free, and is set aside for us, stays so; the rest of it is gone.
void QueueView::keep_ours_after_listing() {
  const auto gone = [this](const EntryName& name) {
    return !std::binary_search(free_.begin(), free_.end(), name, std::greater<>());
  };
  std::erase_if(allotted_, gone);
  std::erase_if(proposed_, gone);
  if (allotted_.empty() && proposed_.empty()) return;
  std::erase_if(free_, [this](const EntryName& name) {
    const bool proposed = std::find(proposed_.begin(), proposed_.end(), name) != proposed_.end();
    return proposed || allotted_.contains(name);
  });
}

// What was allotted to others a moment ago they are about to take: it is left to them, unless there
// is little else.
void QueueView::pass_over() {
  constexpr std::ptrdiff_t little = 16;
  passed_over_.clear();
  auto left = static_cast<std::ptrdiff_t>(free_.size());
  for (const auto& [priority, known] : known_) {
    const auto first = after({priority, known.now});
    const auto last = after({priority, known.settled});
    if (first >= last || left - (last - first) < little) continue;
    left -= last - first;
    note_passed_over(first, last);
    free_.erase(first, last);
  }
}

void QueueView::note_passed_over(Place first, Place last) {
  constexpr std::size_t most = 16;
  const auto all = static_cast<std::size_t>(last - first);
  const std::size_t noted = std::min(all, most - passed_over_.size());
  for (std::size_t i = 0; i < noted; ++i) {
    passed_over_.push_back(first[static_cast<std::ptrdiff_t>(i * all / noted)]);
  }
}

void QueueView::forget_ours() {
  ours_.clear();
  // What we had is free again, whoever it was allotted to.
  for (auto& [priority, known] : known_) known.settled = known.recent = known.now;
}

void QueueView::forget_allotments() {
  known_.clear();
  for (const EntryName& name : allotted_) insert(name);
  allotted_.clear();
  passed_over_.clear();
}

}  // namespace jobengine::queue
