#include "common/configuration/duration_text.hpp"

#include <charconv>
#include <cstdint>

namespace jobengine::configuration {

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  constexpr std::int64_t second = 1000;
  constexpr std::int64_t longest = 1000LL * 365 * 24 * 3600 * second;  // a thousand years
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  std::int64_t factor = 0;
  if (unit == "ms") factor = 1;
  if (unit == "s" || unit.empty()) factor = second;
  if (unit == "m") factor = second * 60;
  if (unit == "h") factor = second * 3600;
  if (unit == "d") factor = second * 3600 * 24;
  if (factor == 0 || number > longest / factor) return std::nullopt;
  return std::chrono::milliseconds(number * factor);
}

}  // namespace jobengine::configuration
