#include "common/queue/announcement.hpp"

#include <algorithm>
#include <charconv>

#include "common/queue/entry_name.hpp"

namespace jobengine::queue {

namespace {

constexpr std::size_t most_announced = 8;

}  // namespace

std::string announcement_of(std::vector<int> priorities) {
  std::sort(priorities.begin(), priorities.end());
  priorities.erase(std::unique(priorities.begin(), priorities.end()), priorities.end());
  if (priorities == std::vector<int>{lowest_urgency}) return {};
  if (priorities.size() > most_announced) priorities.resize(most_announced);
  std::string text;
  for (const int priority : priorities) {
    if (!text.empty()) text += ',';
    text += std::to_string(priority);
  }
  return text;
}

std::vector<int> announced_in(std::string_view text) {
  std::vector<int> priorities;
  while (!text.empty() && priorities.size() < most_announced) {
    const std::string_view one = text.substr(0, text.find(','));
    int priority = -1;
    const auto [stopped, error] = std::from_chars(one.data(), one.data() + one.size(), priority);
    const bool known = error == std::errc() && stopped == one.data() + one.size() &&
                       priority >= highest_urgency && priority <= lowest_urgency;
    if (!known) return {};
    priorities.push_back(priority);
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  return priorities;
}

}  // namespace jobengine::queue
