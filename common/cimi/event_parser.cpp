#include "common/cimi/event_parser.hpp"

#include <utility>

namespace jobengine::cimi {

std::vector<ServerEvent> EventParser::take(std::string_view bytes) {
  std::vector<ServerEvent> events;
  while (!bytes.empty() && !too_long_) {
    if (std::exchange(after_return_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    const auto end = bytes.find_first_of("\r\n");
    line_ += bytes.substr(0, end);
    too_long_ = line_.size() + event_.data.size() > most_bytes_;
    if (end == std::string_view::npos) break;
    after_return_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (!too_long_) end_line(events);
  }
  return events;
}

void EventParser::end_line(std::vector<ServerEvent>& events) {
  std::string line = std::exchange(line_, std::string());
  if (std::exchange(first_line_, false) && line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
  if (line.empty()) {
    ServerEvent event = std::exchange(event_, ServerEvent());
    if (!std::exchange(has_data_, false)) return;
    event.id = last_id_;
    events.push_back(std::move(event));
    return;
  }
  const auto colon = line.find(':');
  if (colon == 0) return;  // a comment
  std::string_view value;
  if (colon != std::string::npos) value = std::string_view(line).substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  field(std::string_view(line).substr(0, colon), value);
}

void EventParser::field(std::string_view name, std::string_view value) {
  if (name == "data") {
    if (has_data_) event_.data += '\n';
    event_.data += value;
    has_data_ = true;
  } else if (name == "event") {
    event_.name = value.empty() ? "message" : std::string(value);
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    last_id_ = value;
  }
}

}  // namespace jobengine::cimi
