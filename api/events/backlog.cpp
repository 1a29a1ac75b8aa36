#include "api/events/backlog.hpp"

#include <algorithm>

namespace jobengine::api::events {

bool Backlog::put(const std::string& id, EventName name, std::int64_t revision,
                  const nlohmann::json& data) {
  if (const auto known = place_.find(id); known != place_.end()) {
    const auto older = events_.find(known->second);
    const auto told = older->second.name;
    // What has left and is back is told anew, in full.
    if (told == EventName::Left && name != EventName::Deleted) name = EventName::State;
    if (name < EventName::Left) name = std::max(name, std::min(told, EventName::State));
    bytes_ -= older->second.text.size();
    events_.erase(older);
  }
  Waiting waiting{id, name, event_text(name_of(name), revision, data)};
  bytes_ += waiting.text.size();
  place_[id] = ++last_;
  events_.emplace(last_, std::move(waiting));
  if (bytes_ <= most_bytes_ || events_.size() == 1) return true;
  clear();
  return false;
}

std::string Backlog::take(std::size_t bytes) {
  std::string text;
  while (!events_.empty() && text.size() < bytes) {
    const auto oldest = events_.begin();
    text += oldest->second.text;
    bytes_ -= oldest->second.text.size();
    place_.erase(oldest->second.id);
    events_.erase(oldest);
    ++taken_;
  }
  return text;
}

void Backlog::clear() {
  events_.clear();
  place_.clear();
  bytes_ = 0;
}

}  // namespace jobengine::api::events
