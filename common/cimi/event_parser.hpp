// Server-sent events as they come in pieces (WHATWG HTML, 9.2). Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::cimi {

struct ServerEvent {
  std::string name = "message";
  std::string data;  // lines joined by '\n'
  std::string id;    // the last that was sent, with this event or an earlier one
};

class EventParser {
 public:
  // Longer lines or events are nobody's whom we talk to.
  explicit EventParser(std::size_t most_bytes = 4UL * 1024 * 1024) : most_bytes_(most_bytes) {}

  // The events these bytes complete. Pieces may end anywhere.
  std::vector<ServerEvent> take(std::string_view bytes);
  // Something was too long: nothing more is parsed.
  bool too_long() const { return too_long_; }

 private:
  void end_line(std::vector<ServerEvent>& events);
  void field(std::string_view name, std::string_view value);

  const std::size_t most_bytes_;
  bool too_long_ = false;
  bool first_line_ = true;
  bool after_return_ = false;  // a '\n' that follows belongs to the line before
  std::string line_;
  bool has_data_ = false;
  ServerEvent event_;
  std::string last_id_;
};

}  // namespace jobengine::cimi
