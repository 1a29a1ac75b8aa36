#include "api/cimi/timestamp.hpp"

#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>

#include "api/access/secrets.hpp"

namespace jobengine::api::cimi {
namespace {

using std::chrono::milliseconds;

std::tm calendar(WallTime time) {
  const std::time_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return parts;
}

// Reads `count` digits; false for anything else.
bool read_digits(std::string_view& text, std::size_t count, int& value) {
  if (text.size() < count) return false;
  value = 0;
  for (std::size_t at = 0; at < count; ++at) {
    if (text[at] < '0' || text[at] > '9') return false;
    value = value * 10 + (text[at] - '0');
  }
  text.remove_prefix(count);
  return true;
}

bool read_char(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

// Up to three digits behind a point; no point at all is fine.
bool read_fraction(std::string_view& text, int& ms) {
  ms = 0;
  if (!read_char(text, '.')) return true;
  int weight = 100;
  int digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9' && digits < 3) {
    ms += (text.front() - '0') * weight;
    weight /= 10;
    ++digits;
    text.remove_prefix(1);
  }
  return true;
}

bool read_zone(std::string_view& text, int& minutes) {
  minutes = 0;
  if (read_char(text, 'Z')) return true;
  const bool west = !text.empty() && text.front() == '-';
  if (!read_char(text, '+') && !read_char(text, '-')) return false;
  int hours = 0;
  int rest = 0;
  if (!read_digits(text, 2, hours) || !read_char(text, ':') || !read_digits(text, 2, rest)) {
    return false;
  }
  if (hours > 23 || rest > 59) return false;
  minutes = (hours * 60 + rest) * (west ? -1 : 1);
  return true;
}

std::string uuid_text(std::string bytes, char version) {
  std::string text = access::hex(std::string_view(bytes).substr(0, 16));
  text[12] = version;
  static constexpr std::string_view variants = "89ab";
  text[16] = variants[static_cast<unsigned char>(bytes[8]) & 3U];
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) text.insert(dash, 1, '-');
  return text;
}

}  // namespace

WallTime wall_now() {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

std::string timestamp(WallTime time) {
  const std::tm parts = calendar(time);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
                parts.tm_sec, static_cast<int>(time.time_since_epoch().count() % 1000));
  return text.data();
}

std::optional<WallTime> parse_timestamp(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, ms = 0, zone = 0;
  const bool read =
      read_digits(text, 4, year) && read_char(text, '-') && read_digits(text, 2, month) &&
      read_char(text, '-') && read_digits(text, 2, day) && read_char(text, 'T') &&
      read_digits(text, 2, hour) && read_char(text, ':') && read_digits(text, 2, minute) &&
      read_char(text, ':') && read_digits(text, 2, second) && read_fraction(text, ms) &&
      read_zone(text, zone) && text.empty();
  if (!read || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(hour) +
         std::chrono::minutes(minute - zone) + std::chrono::seconds(second) + milliseconds(ms);
}

std::string http_date(WallTime time) {
  static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm parts = calendar(time);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                days[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
                months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900, parts.tm_hour,
                parts.tm_min, parts.tm_sec);
  return text.data();
}

std::string new_uuid() {
  auto bytes = access::random_bytes(16);
  const auto ms = static_cast<std::uint64_t>(wall_now().time_since_epoch().count());
  for (unsigned at = 0; at < 6; ++at) {
    bytes[at] = static_cast<char>((ms >> (8U * (5U - at))) & 255U);
  }
  return uuid_text(std::move(bytes), '7');
}

std::string uuid_of(std::string_view text) {
  return uuid_text(access::sha256(text), '5');
}

}  // namespace jobengine::api::cimi
