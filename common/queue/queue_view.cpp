#include "common/queue/queue_view.hpp"

#include <algorithm>
#include <functional>
#include <iterator>

namespace jobengine::queue {

namespace {

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

QueueView::QueueView(ViewOptions options, std::uint64_t seed) : options_(options), random_(seed) {}

void QueueView::refresh(const std::vector<std::string>& entries,
                        const std::vector<std::string>& taken, TimePoint now, Duration cost) {
  const std::vector<EntryName> all = parse(entries);
  const std::vector<EntryName> locked = parse(taken);
  std::erase_if(backed_off_, [&](const auto& waiting) {
    return !std::binary_search(all.begin(), all.end(), waiting.first, std::greater<>());
  });
  free_.clear();
  std::set_difference(all.begin(), all.end(), locked.begin(), locked.end(),
                      std::back_inserter(free_), std::greater<>());
  std::erase_if(free_, [this](const EntryName& name) {
    return ours_.contains(name) || backed_off_.contains(name);
  });
  const std::chrono::duration<double> spacing =
      std::chrono::duration<double>(cost) * options_.refresh_spacing;
  next_refresh_ = now + std::chrono::duration_cast<Duration>(spacing);
}

std::optional<EntryName> QueueView::choose(TimePoint now) {
  readmit(now);
  if (free_.empty()) return std::nullopt;
  const int priority = free_.back().priority;
  const std::size_t reach = std::min(std::max<std::size_t>(options_.head_window, 1), free_.size());
  std::size_t window = 1;
  while (window < reach && free_[free_.size() - 1 - window].priority == priority) ++window;
  const std::size_t offset = std::uniform_int_distribution<std::size_t>(0, window - 1)(random_);
  const auto chosen = free_.end() - 1 - static_cast<std::ptrdiff_t>(offset);
  const EntryName name = *chosen;
  free_.erase(chosen);
  ours_.insert(name);
  return name;
}

void QueueView::drop(const EntryName& name) {
  ours_.erase(name);
}

void QueueView::put_back(const EntryName& name, TimePoint not_before) {
  ours_.erase(name);
  backed_off_[name] = not_before;
}

bool QueueView::dry(TimePoint now) const {
  const auto due = [now](const auto& waiting) { return waiting.second <= now; };
  return free_.empty() && std::none_of(backed_off_.begin(), backed_off_.end(), due);
}

std::optional<QueueView::TimePoint> QueueView::next_due() const {
  std::optional<TimePoint> first;
  for (const auto& [name, due] : backed_off_) {
    if (!first || due < *first) first = due;
  }
  return first;
}

void QueueView::readmit(TimePoint now) {
  for (auto waiting = backed_off_.begin(); waiting != backed_off_.end();) {
    if (waiting->second > now) {
      ++waiting;
      continue;
    }
    insert(waiting->first);
    waiting = backed_off_.erase(waiting);
  }
}

void QueueView::insert(const EntryName& name) {
  const auto place = std::lower_bound(free_.begin(), free_.end(), name, std::greater<>());
  if (place == free_.end() || *place != name) free_.insert(place, name);
}

}  // namespace jobengine::queue
