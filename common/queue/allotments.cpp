#include "common/queue/allotments.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

#include "common/queue/entry_name.hpp"

namespace jobengine::queue {

namespace {

using nlohmann::json;

// Ours are far shorter; who parses more only helps whoever wrote it.
constexpr std::size_t longest_text = 8192;

}  // namespace

std::string text_of(const Allotments& allotments, std::int64_t folder) {
  json before = json::object();
  std::size_t left = Allotments::most_priorities;
  for (const auto& [priority, number] : allotments.before) {
    if (left-- == 0) break;
    before[std::to_string(priority)] = number;
  }
  return json{{"folder", folder}, {"before", std::move(before)}}.dump();
}

Allotments parse_allotments(std::string_view text, std::int64_t folder) {
  Allotments found;
  if (text.empty() || text.size() > longest_text) return found;
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object() || document.value("folder", json()) != json(folder)) return found;
  const json before = document.value("before", json());
  if (!before.is_object()) return found;
  for (const auto& [key, number] : before.items()) {
    int priority = -1;
    const char* end = key.data() + key.size();
    const auto [stopped, error] = std::from_chars(key.data(), end, priority);
    const bool known = error == std::errc() && stopped == end && priority >= highest_urgency &&
                       priority <= lowest_urgency;
    if (known && number.is_number_integer()) found.before[priority] = number.get<std::int64_t>();
  }
  return found;
}

}  // namespace jobengine::queue
