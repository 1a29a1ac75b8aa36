#include "common/runtime/instant.hpp"

#include <array>
#include <cstdio>

namespace jobengine::runtime {

namespace {

using std::chrono::days;
using std::chrono::floor;

// The decimal number in `text` from `start`, exactly `length` digits.
std::optional<int> digits(std::string_view text, std::size_t start, std::size_t length) {
  if (text.size() < start + length) return std::nullopt;
  int number = 0;
  for (const char c : text.substr(start, length)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  return number;
}

// ".5" → 500 ms; "" → 0.
std::optional<Span> fraction(std::string_view text) {
  if (text.empty()) return Span(0);
  if (text.front() != '.' || text.size() < 2 || text.size() > 4) return std::nullopt;
  const auto number = digits(text, 1, text.size() - 1);
  if (!number) return std::nullopt;
  int milliseconds = *number;
  for (std::size_t have = text.size() - 1; have < 3; ++have) milliseconds *= 10;
  return Span(milliseconds);
}

}  // namespace

Instant now() {
  return floor<Span>(std::chrono::system_clock::now());
}

std::string text(Instant instant) {
  const auto day = floor<days>(instant);
  const std::chrono::year_month_day date(day);
  const auto time = std::chrono::hh_mm_ss<Span>(instant - day);
  std::array<char, 64> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                static_cast<int>(time.subseconds().count()));
  return buffer.data();
}

std::optional<Instant> parse_instant(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':' || text.back() != 'Z') {
    return std::nullopt;
  }
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = digits(text, 17, 2);
  const auto rest = fraction(text.substr(19, text.size() - 20));
  if (!year || !month || !day || !hour || !minute || !second || !rest) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 59) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second) + *rest;
}

}  // namespace jobengine::runtime
