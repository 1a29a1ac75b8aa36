#include "common/queue/queue_view.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>

namespace jobengine::queue {

namespace {

// A name in the window costs a step to remove.
constexpr std::size_t widest_window = 4096;
// Among so many times as many names as are wanted together: two executors that choose at the same
// moment have a name in common in one of four cases, where names chosen one by one would have one
// almost always; and a multi with one such name fails as a whole.
constexpr std::size_t run_spread = 8;

std::vector<EntryName> parse(const std::vector<std::string>& names) {
  std::vector<EntryName> parsed;
  parsed.reserve(names.size());
  for (const std::string& text : names) {
    if (const auto name = parse_entry_name(text)) parsed.push_back(*name);
  }
  std::sort(parsed.begin(), parsed.end(), std::greater<>());
  return parsed;
}

}  // namespace

QueueView::QueueView(ViewOptions options, std::uint64_t seed)
    : options_(options), random_(seed), window_(std::max<std::size_t>(options.head_window, 1)) {}

void QueueView::refresh(const std::vector<std::string>& entries,
                        const std::vector<std::string>& taken, TimePoint now, Duration cost) {
  const std::vector<EntryName> all = parse(entries);
  const std::vector<EntryName> locked = parse(taken);
  std::erase_if(backed_off_, [&](const auto& waiting) {
    const bool gone = !std::binary_search(all.begin(), all.end(), waiting.first, std::greater<>());
    if (gone) due_.erase({waiting.second, waiting.first});
    return gone;
  });
  put_back_elsewhere_ = static_cast<std::size_t>(
      std::count_if(backed_off_.begin(), backed_off_.end(), [&](const auto& waiting) {
        return std::binary_search(locked.begin(), locked.end(), waiting.first, std::greater<>());
      }));
  // Most urgent last: of one priority when the ends are.
  if (!all.empty()) priority_ = all.front().priority;
  if (!all.empty() && all.back().priority != all.front().priority) priority_.reset();
  listed_priorities_.clear();
  for (auto place = all.begin(); place != all.end() && listed_priorities_.size() < 8;) {
    listed_priorities_.push_back(place->priority);
    const EntryName first_of_it{place->priority, std::numeric_limits<std::int64_t>::min()};
    place = std::upper_bound(place, all.end(), first_of_it, std::greater<>());
  }
  next_ = end_ = 0;
  free_.clear();
  std::set_difference(all.begin(), all.end(), locked.begin(), locked.end(),
                      std::back_inserter(free_), std::greater<>());
  listed_free_ = static_cast<std::int64_t>(free_.size());
  std::erase_if(free_, [this](const EntryName& name) {
    return ours_.contains(name) || backed_off_.contains(name);
  });
  settle(now);
  keep_ours_after_listing();
  pass_over();
  const std::chrono::duration<double> spacing =
      std::chrono::duration<double>(cost) * options_.refresh_spacing;
  next_refresh_ = now + std::chrono::duration_cast<Duration>(spacing);
}

std::vector<EntryName> QueueView::choose(TimePoint now, std::size_t most, bool only_allotted) {
  readmit(now);
  std::vector<EntryName> chosen;
  while (chosen.size() < most) {
    const std::size_t left = most - chosen.size();
    const bool strict = options_.head_window <= 1;
    const bool spreads = !strict && left > 1;
    const std::size_t window = spreads ? std::max(window_, run_spread * left) : window_;
    name_expected(window);
    if (free_.empty() && allotted_.empty()) break;
    const bool more_urgent =
        !free_.empty() && !allotted_.empty() && free_.back().priority < allotted_.begin()->priority;
    const bool first_left_over = !free_.empty() && left_over(free_.back());
    if (!allotted_.empty() && !more_urgent && !first_left_over) {
      choose_allotted(left, chosen);
    } else if (only_allotted && !first_left_over) {
      break;
    } else {
      choose_run(reach(window), left, chosen);
    }
  }
  return chosen;
}

void QueueView::choose_allotted(std::size_t most, std::vector<EntryName>& chosen) {
  const int priority = allotted_.begin()->priority;
  while (most-- > 0 && !allotted_.empty() && allotted_.begin()->priority == priority) {
    ours_.insert(*allotted_.begin());
    chosen.push_back(*allotted_.begin());
    allotted_.erase(allotted_.begin());
  }
}

// How many of the first names are of one priority, and all allotted long ago or none of them.
std::size_t QueueView::reach(std::size_t window) {
  const EntryName first = free_.back();
  const bool first_left_over = left_over(first);
  const auto most = static_cast<std::ptrdiff_t>(std::min(window, free_.size()));
  const auto head =
      std::partition_point(free_.end() - most, free_.end(), [&](const EntryName& name) {
        return name.priority != first.priority || left_over(name) != first_left_over;
      });
  return static_cast<std::size_t>(free_.end() - head);
}

// Up to `most` names that follow each other, from a random one of the first `reach` on; the first
// ones follow the last, so that each is as likely to be among them.
void QueueView::choose_run(std::size_t reach, std::size_t most, std::vector<EntryName>& chosen) {
  const std::size_t length = std::min(most, reach);
  const std::size_t from = std::uniform_int_distribution<std::size_t>(0, reach - 1)(random_);
  const std::size_t behind = std::min(length, reach - from);
  // Places are counted from the end, which is the most urgent.
  const auto take = [this, &chosen](std::size_t place, std::size_t count) {
    const auto last = free_.end() - static_cast<std::ptrdiff_t>(place);
    const auto first = last - static_cast<std::ptrdiff_t>(count);
    ours_.insert(first, last);
    chosen.insert(chosen.end(), std::make_reverse_iterator(last),
                  std::make_reverse_iterator(first));
    free_.erase(first, last);
  };
  take(from, behind);
  take(0, length - behind);
}

// Keeps so many names at hand.
void QueueView::name_expected(std::size_t window) {
  if (free_.size() >= window || next_ == end_) return;
  std::vector<EntryName> named;
  while (next_ < end_ && free_.size() + named.size() < 2 * window) {
    const EntryName name{expected_priority_, next_++};
    if (!ours_.contains(name) && !backed_off_.contains(name)) named.push_back(name);
  }
  free_.insert(free_.begin(), named.rbegin(), named.rend());
  if (!std::is_sorted(free_.begin(), free_.end(), std::greater<>())) {
    std::sort(free_.begin(), free_.end(), std::greater<>());
  }
}

bool QueueView::expect(std::int64_t first, std::int64_t end) {
  if (!priority_) return false;
  expected_priority_ = *priority_;
  if (next_ == end_) next_ = end_ = first;
  if (first != end_) return false;
  end_ = end;
  if (const auto allotted = allotted_before(*priority_); allotted > next_)
    next_ = std::min(allotted, end_);
  return true;
}

std::vector<int> QueueView::listed_priorities(std::size_t most) const {
  return {listed_priorities_.begin(),
          listed_priorities_.begin() +
              static_cast<std::ptrdiff_t>(std::min(most, listed_priorities_.size()))};
}

void QueueView::learn(const std::vector<EntryName>& names) {
  for (const EntryName& name : names) {
    if (name.priority != priority_) priority_.reset();
  }
  // What is expected is older.
  name_expected(size());
  for (const EntryName& name : names) {
    const bool known = ours_.contains(name) || backed_off_.contains(name) ||
                       allotted_.contains(name) || left_over(name);
    if (!known) insert(name);
  }
}

void QueueView::expect_no_more_than(std::int64_t free) {
  if (!priority_) return;
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(free, 0));
  const std::size_t too_many = size() > most ? size() - most : 0;
  const std::size_t named = std::min(too_many, free_.size());
  free_.resize(free_.size() - named);
  next_ = std::min(end_, next_ + static_cast<std::int64_t>(too_many - named));
}

void QueueView::others_took(std::int64_t count) {
  const std::size_t narrowest = std::max<std::size_t>(options_.head_window, 1);
  if (narrowest == 1) return;  // strict order was asked for
  const auto twice = static_cast<std::size_t>(2 * std::max<std::int64_t>(count, 0));
  window_ = std::clamp(twice, narrowest, std::max(narrowest, widest_window));
}

bool QueueView::claim(const EntryName& name) {
  if (!ours_.insert(name).second) return false;
  std::erase(free_, name);
  allotted_.erase(name);
  std::erase(proposed_, name);
  const auto waiting = backed_off_.find(name);
  if (waiting != backed_off_.end()) {
    due_.erase({waiting->second, name});
    backed_off_.erase(waiting);
  }
  return true;
}

void QueueView::taken(const EntryName& name) {
  ours_.insert(name);
}

void QueueView::drop(const EntryName& name) {
  ours_.erase(name);
}

void QueueView::put_back(const EntryName& name, TimePoint not_before) {
  ours_.erase(name);
  const auto [waiting, added] = backed_off_.try_emplace(name, not_before);
  if (!added) due_.erase({waiting->second, name});
  waiting->second = not_before;
  due_.emplace(not_before, name);
}

bool QueueView::dry(TimePoint now) const {
  return size() == 0 && (due_.empty() || due_.begin()->first > now);
}

std::optional<QueueView::TimePoint> QueueView::next_due() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first;
}

void QueueView::readmit(TimePoint now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const EntryName name = due_.begin()->second;
    due_.erase(due_.begin());
    backed_off_.erase(name);
    insert(name);
  }
}

void QueueView::insert(const EntryName& name) {
  const auto place = std::lower_bound(free_.begin(), free_.end(), name, std::greater<>());
  if (place == free_.end() || *place != name) free_.insert(place, name);
}

}  // namespace jobengine::queue
