#include "ctl/times.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace jobengine::ctl {

namespace {

// The number in text[from, from + digits); nothing if anything else stands there.
std::optional<int> number(std::string_view text, std::size_t from, std::size_t digits) {
  int value = 0;
  const char* begin = text.data() + from;
  const auto [end, error] = std::from_chars(begin, begin + digits, value);
  if (error != std::errc{} || end != begin + digits || value < 0) return std::nullopt;
  return value;
}

std::string two_parts(std::int64_t first, const char* unit, std::int64_t second,
                      const char* second_unit) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%lld%s%02lld%s", static_cast<long long>(first), unit,
                static_cast<long long>(second), second_unit);
  return text.data();
}

}  // namespace

std::optional<WallTime> parse_timestamp(std::string_view text) {
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd.dddZ";
  if (text.size() != shape.size()) return std::nullopt;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (shape[i] == 'd' ? !digit : text[i] != shape[i]) return std::nullopt;
  }
  using namespace std::chrono;
  const year_month_day date{year(*number(text, 0, 4)),
                            month(static_cast<unsigned>(*number(text, 5, 2))),
                            day(static_cast<unsigned>(*number(text, 8, 2)))};
  if (!date.ok()) return std::nullopt;
  return WallTime(sys_days(date)) + hours(*number(text, 11, 2)) + minutes(*number(text, 14, 2)) +
         seconds(*number(text, 17, 2)) + milliseconds(*number(text, 20, 3));
}

std::string timestamp_text(WallTime time) {
  using namespace std::chrono;
  const auto day_start = floor<days>(time);
  const year_month_day date(day_start);
  const hh_mm_ss clock(time - day_start);
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()),
                static_cast<int>(clock.subseconds().count()));
  return text.data();
}

std::string duration_text(std::chrono::milliseconds duration) {
  const std::int64_t ms = std::max<std::int64_t>(duration.count(), 0);
  const std::int64_t seconds = ms / 1000;
  if (ms < 1000) return std::to_string(ms) + "ms";
  if (seconds < 10) return std::to_string(seconds) + "." + std::to_string(ms % 1000 / 100) + "s";
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return two_parts(seconds / 60, "m", seconds % 60, "s");
  if (seconds < 86400) return two_parts(seconds / 3600, "h", seconds / 60 % 60, "m");
  return two_parts(seconds / 86400, "d", seconds / 3600 % 24, "h");
}

std::string age_text(std::string_view timestamp, WallTime now) {
  const auto time = parse_timestamp(timestamp);
  if (!time) return "";
  const auto age = std::max(now - *time, std::chrono::milliseconds(0));
  return age < std::chrono::seconds(1) ? "0s" : duration_text(age);
}

WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace jobengine::ctl
