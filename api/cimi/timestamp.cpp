#include "api/cimi/timestamp.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <ctime>

#include "api/access/secrets.hpp"
#include "api/filter/dates.hpp"

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
  const auto millis = filter::parse_timestamp(text);
  if (!millis) return std::nullopt;
  return WallTime(milliseconds(*millis));
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
  // Milliseconds and 12 bits that count within one: the ids of a millisecond sort as they were
  // made, as do those made after the clock was set back. Beyond 4096 a millisecond they run ahead
  // of it.
  static std::atomic<std::uint64_t> last{0};
  const auto now = static_cast<std::uint64_t>(wall_now().time_since_epoch().count()) << 12U;
  auto before = last.load(std::memory_order_relaxed);
  std::uint64_t instant = 0;
  do {
    instant = std::max(now, before + 1);
  } while (!last.compare_exchange_weak(before, instant, std::memory_order_relaxed));

  auto bytes = access::random_bytes(16);
  for (unsigned at = 0; at < 6; ++at) {
    bytes[at] = static_cast<char>((instant >> (8U * (5U - at) + 12U)) & 255U);
  }
  bytes[6] = static_cast<char>((instant >> 8U) & 15U);
  bytes[7] = static_cast<char>(instant & 255U);
  return uuid_text(std::move(bytes), '7');
}

std::string uuid_of(std::string_view text) {
  return uuid_text(access::sha256(text), '5');
}

bool is_uuid(std::string_view text) {
  static constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  static constexpr std::string_view digits = "0123456789abcdef";
  return std::equal(text.begin(), text.end(), form.begin(), form.end(), [](char c, char wanted) {
    return wanted == '-' ? c == '-' : digits.find(c) != std::string_view::npos;
  });
}

}  // namespace jobengine::api::cimi
