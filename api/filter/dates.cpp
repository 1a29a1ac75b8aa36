#include "api/filter/dates.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>

namespace jobengine::api::filter {
namespace {

using std::chrono::day;
using std::chrono::days;
using std::chrono::month;
using std::chrono::months;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;
using std::chrono::years;

constexpr Millis second_millis = 1000;
constexpr Millis minute_millis = 60 * second_millis;
constexpr Millis hour_millis = 60 * minute_millis;
constexpr Millis day_millis = 24 * hour_millis;
// Steps may not lead further than this from 1970, so that no sum overflows (some 30 000 years).
constexpr Millis horizon = day_millis * 366 * 30000;

// Floor division: days before 1970 are negative.
std::int64_t day_number(Millis time) {
  return time >= 0 ? time / day_millis : -((-time + day_millis - 1) / day_millis);
}

year_month_day date_of(Millis time) {
  return year_month_day{sys_days{days{static_cast<int>(day_number(time))}}};
}

Millis start_of(const year_month_day& date) {
  return static_cast<Millis>(sys_days{date}.time_since_epoch().count()) * day_millis;
}

// Reads digits from the front of `text`.
class Digits {
 public:
  explicit Digits(std::string_view text) : text_(text) {}

  bool skip(char expected) {
    if (text_.empty() || text_.front() != expected) return false;
    text_.remove_prefix(1);
    return true;
  }
  // Exactly `count` digits.
  std::optional<int> number(std::size_t count) {
    if (text_.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return std::nullopt;
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    return value;
  }
  // The milliseconds of a fraction of 1 to 3 digits.
  std::optional<Millis> fraction() {
    Millis value = 0;
    int count = 0;
    while (!text_.empty() && text_.front() >= '0' && text_.front() <= '9') {
      value = value * 10 + (text_.front() - '0');
      text_.remove_prefix(1);
      if (++count > 3) return std::nullopt;
    }
    if (count == 0) return std::nullopt;
    for (; count < 3; ++count) value *= 10;
    return value;
  }
  std::string_view rest() const { return text_; }
  bool at_end() const { return text_.empty(); }

 private:
  std::string_view text_;
};

struct PartialTime {
  Span span;
  bool has_seconds = false;
  bool has_zone = false;
};

// The offset of a zone; nothing when the text is no zone.
std::optional<Millis> zone_offset(Digits& text) {
  if (text.skip('Z')) return 0;
  Millis sign = 0;
  if (text.skip('+')) {
    sign = 1;
  } else if (text.skip('-')) {
    sign = -1;
  } else {
    return std::nullopt;
  }
  const auto hours = text.number(2);
  if (!hours || *hours > 18 || !text.skip(':')) return std::nullopt;
  const auto minutes = text.number(2);
  if (!minutes || *minutes > 59) return std::nullopt;
  return sign * (*hours * hour_millis + *minutes * minute_millis);
}

// The part after "T"; `time.span.first` is the start of the day.
bool read_clock(Digits& text, PartialTime& time) {
  const auto hours = text.number(2);
  if (!hours || *hours > 23) return false;
  time.span.first += *hours * hour_millis;
  Millis length = hour_millis;
  if (text.skip(':')) {
    const auto minutes = text.number(2);
    if (!minutes || *minutes > 59) return false;
    time.span.first += *minutes * minute_millis;
    length = minute_millis;
    if (text.skip(':')) {
      const auto seconds = text.number(2);
      if (!seconds || *seconds > 59) return false;
      time.span.first += *seconds * second_millis;
      length = second_millis;
      time.has_seconds = true;
      if (text.skip('.')) {
        const auto fraction = text.fraction();
        if (!fraction) return false;
        time.span.first += *fraction;
        length = 1;
      }
    }
  }
  time.span.last = time.span.first + length - 1;
  if (text.at_end()) return true;
  const auto offset = zone_offset(text);
  if (!offset) return false;
  time.has_zone = true;
  time.span.first -= *offset;
  time.span.last -= *offset;
  return text.at_end();
}

std::optional<PartialTime> read_iso(std::string_view iso) {
  Digits text(iso);
  const auto y = text.number(4);
  if (!y) return std::nullopt;
  unsigned m = 1;
  unsigned d = 1;
  bool day_given = false;
  year_month_day last{year{*y}, month{12}, day{31}};
  if (text.skip('-')) {
    const auto month_digits = text.number(2);
    if (!month_digits || *month_digits < 1 || *month_digits > 12) return std::nullopt;
    m = static_cast<unsigned>(*month_digits);
    last = year{*y} / month{m} / std::chrono::last;
    if (text.skip('-')) {
      const auto day_digits = text.number(2);
      if (!day_digits) return std::nullopt;
      d = static_cast<unsigned>(*day_digits);
      last = year_month_day{year{*y}, month{m}, day{d}};
      day_given = true;
    }
  }
  const year_month_day first{year{*y}, month{m}, day{d}};
  if (!first.ok()) return std::nullopt;
  PartialTime time;
  time.span = {start_of(first), start_of(last) + day_millis - 1};
  if (text.at_end()) return time;
  if (!day_given || !text.skip('T') || !read_clock(text, time)) return std::nullopt;
  return time;
}

// A calendar month has no 31st of April: the last day of the month takes its place.
Millis add_months(Millis time, std::int64_t count) {
  const year_month_day date = date_of(time);
  const auto moved = year_month_day{date.year() / date.month() / day{1}} +
                     months{static_cast<std::chrono::months::rep>(count)};
  const year_month_day end = moved.year() / moved.month() / std::chrono::last;
  const day chosen = date.day() < end.day() ? date.day() : end.day();
  return start_of(moved.year() / moved.month() / chosen) + (time - start_of(date));
}

std::optional<Millis> add(Millis time, std::int64_t count, char unit) {
  Millis length = 0;
  switch (unit) {
    case 'y':
    case 'M': {
      const std::int64_t all = unit == 'y' ? count * 12 : count;
      if (all > 12 * 20000 || all < -12 * 20000) return std::nullopt;
      return add_months(time, all);
    }
    case 'w':
      length = 7 * day_millis;
      break;
    case 'd':
      length = day_millis;
      break;
    case 'h':
    case 'H':
      length = hour_millis;
      break;
    case 'm':
      length = minute_millis;
      break;
    case 's':
      length = second_millis;
      break;
    default:
      return std::nullopt;
  }
  if (count > horizon / length || count < -(horizon / length)) return std::nullopt;
  return time + count * length;
}

Millis round_down(Millis time, char unit) {
  const year_month_day date = date_of(time);
  switch (unit) {
    case 'y':
      return start_of(date.year() / month{1} / day{1});
    case 'M':
      return start_of(date.year() / date.month() / day{1});
    case 'w': {
      const auto today = sys_days{date};
      const unsigned since_monday = std::chrono::weekday{today}.iso_encoding() - 1;
      return start_of(date) - static_cast<Millis>(since_monday) * day_millis;
    }
    case 'd':
      return start_of(date);
    default:
      break;
  }
  const Millis length = unit == 'm' ? minute_millis : unit == 's' ? second_millis : hour_millis;
  const Millis in_day = time - start_of(date);
  return time - in_day % length;
}

bool within_horizon(Millis time) {
  return time <= horizon && time >= -horizon;
}

std::optional<Span> step(const Span& from, char sign, std::int64_t count, char unit) {
  if (sign == '/') {
    const Millis first = round_down(from.first, unit);
    const auto after = add(round_down(from.last, unit), 1, unit);
    if (!after) return std::nullopt;
    return Span{first, *after - 1};
  }
  const std::int64_t signed_count = sign == '+' ? count : -count;
  const auto first = add(from.first, signed_count, unit);
  const auto last = add(from.last, signed_count, unit);
  if (!first || !last) return std::nullopt;
  return Span{*first, *last};
}

std::optional<Span> apply_steps(Span span, std::string_view steps) {
  static constexpr std::string_view units = "yMwdhHms";
  while (!steps.empty()) {
    const char sign = steps.front();
    if (sign != '+' && sign != '-' && sign != '/') return std::nullopt;
    steps.remove_prefix(1);
    std::int64_t count = 1;  // "+d" is one day
    if (sign != '/' && !steps.empty() && steps.front() >= '0' && steps.front() <= '9') {
      const auto [end, error] = std::from_chars(steps.data(), steps.data() + steps.size(), count);
      if (error != std::errc{} || count > 1'000'000'000'000) return std::nullopt;
      steps.remove_prefix(static_cast<std::size_t>(end - steps.data()));
    }
    if (steps.empty() || units.find(steps.front()) == std::string_view::npos) return std::nullopt;
    const auto moved = step(span, sign, count, steps.front());
    if (!moved || !within_horizon(moved->first) || !within_horizon(moved->last)) {
      return std::nullopt;
    }
    span = *moved;
    steps.remove_prefix(1);
  }
  return span;
}

}  // namespace

std::optional<Millis> parse_timestamp(std::string_view text) {
  const auto time = read_iso(text);
  if (!time || !time->has_seconds || !time->has_zone) return std::nullopt;
  return time->span.first;
}

std::string timestamp_text(Millis time) {
  const year_month_day date = date_of(time);
  const Millis in_day = time - start_of(date);
  char text[64];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(in_day / hour_millis),
                static_cast<int>(in_day % hour_millis / minute_millis),
                static_cast<int>(in_day % minute_millis / second_millis),
                static_cast<int>(in_day % second_millis));
  return text;
}

std::optional<Span> resolve_date(std::string_view text, Millis now) {
  if (text.starts_with("now")) return apply_steps({now, now}, text.substr(3));
  const auto bar = text.find("||");
  const auto anchor = text.substr(0, bar);
  if (const auto iso = read_iso(anchor)) {
    const auto steps = bar == std::string_view::npos ? std::string_view() : text.substr(bar + 2);
    return apply_steps(iso->span, steps);
  }
  Millis millis = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), millis);
  if (error == std::errc{} && end == text.data() + text.size() && within_horizon(millis)) {
    return Span{millis, millis};
  }
  return std::nullopt;
}

}  // namespace jobengine::api::filter
