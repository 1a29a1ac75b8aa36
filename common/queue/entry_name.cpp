#include "common/queue/entry_name.hpp"

#include <charconv>
#include <cstdio>

#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

template <class Number>
bool parse_whole(std::string_view digits, Number& number) {
  const char* end = digits.data() + digits.size();
  auto [stopped, error] = std::from_chars(digits.data(), end, number);
  return error == std::errc() && stopped == end;
}

}  // namespace

std::string EntryName::text() const {
  char text[64];
  std::snprintf(text, sizeof text, "entry-%03d-%010lld", priority,
                static_cast<long long>(sequence));
  return text;
}

std::optional<EntryName> parse_entry_name(std::string_view text) {
  constexpr std::string_view start = "entry-";
  constexpr std::size_t priority_digits = 3;
  const std::string_view whole = text;
  if (!text.starts_with(start)) return std::nullopt;
  text.remove_prefix(start.size());
  if (text.size() < priority_digits + 2 || text[priority_digits] != '-') return std::nullopt;
  EntryName name;
  const std::string_view sequence = text.substr(priority_digits + 1);
  if (!parse_whole(text.substr(0, priority_digits), name.priority) || name.priority < 0 ||
      sequence.size() < 10 || !parse_whole(sequence, name.sequence)) {
    return std::nullopt;
  }
  // "-00" and leading zeros are read as numbers, but we would write them in another way: the node
  // would not be found by its name.
  if (name.text() != whole) return std::nullopt;
  return name;
}

std::string entry_prefix(int priority) {
  JE_CHECK(priority >= highest_urgency && priority <= lowest_urgency, "a priority from 0 to 999");
  char text[32];
  std::snprintf(text, sizeof text, "entry-%03d-", priority);
  return text;
}

}  // namespace jobengine::queue
