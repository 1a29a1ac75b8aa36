#include "executor/action_run/trial_report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace jobengine::executor {

namespace {

constexpr std::size_t kind_width = 11;

std::string indented(std::string_view text) {
  std::string lines;
  for (const char c : text) {
    lines += c;
    if (c == '\n') lines.append(kind_width, ' ');
  }
  return lines;
}

}  // namespace

void TrialReport::tell(std::string_view kind, std::string_view text) {
  nlohmann::json members;
  members["text"] = text;
  tell(kind, text, members);
}

void TrialReport::tell(std::string_view kind, std::string_view text,
                       const nlohmann::json& members) {
  std::string line;
  if (json_) {
    nlohmann::json event = {{"event", kind}};
    event.update(members);
    line = event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  } else {
    line = kind;
    line.append(kind_width - std::min(kind_width - 1, kind.size()), ' ');
    line += indented(text);
    while (line.ends_with(' ')) line.pop_back();
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), out_);
  std::fflush(out_);
}

}  // namespace jobengine::executor
