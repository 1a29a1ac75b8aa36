#include "distributor/schedule/cron_expression.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <span>
#include <vector>

#include "common/runtime/failure.hpp"

namespace jobengine::distributor {

namespace {

using runtime::Failure;
using std::chrono::days;
using std::chrono::floor;
using std::chrono::hours;
using std::chrono::local_days;
using std::chrono::minutes;

struct FieldRule {
  const char* name;
  int least;
  int most;
  std::vector<std::string> names;  // of least, least + 1, …
};

const std::array<FieldRule, 5>& field_rules() {
  static const std::array<FieldRule, 5> rules{
      FieldRule{"minute", 0, 59, {}}, FieldRule{"hour", 0, 23, {}},
      FieldRule{"day of month", 1, 31, {}},
      FieldRule{
          "month",
          1,
          12,
          {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
      FieldRule{"day of week", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}};
  return rules;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back().push_back(c);
    }
  }
  return parts;
}

// One field of an expression, as the numbers it stands for.
class FieldReader {
 public:
  FieldReader(const FieldRule& rule, std::string field) : rule_(rule), field_(std::move(field)) {}

  std::vector<int> values() const {
    std::vector<int> result;
    for (const std::string& item : split(field_, ',')) add_item(item, result);
    return result;
  }

 private:
  [[noreturn]] void refuse(const std::string& complaint) const {
    throw Failure(std::string("cron field \"") + rule_.name + "\" is \"" + field_ +
                  "\": " + complaint);
  }

  void add_item(const std::string& item, std::vector<int>& result) const {
    const std::vector<std::string> halves = split(item, '/');
    if (halves.size() > 2) refuse("more than one \"/\" in \"" + item + "\"");
    const bool ranged = halves[0] == "*" || halves[0].find('-') != std::string::npos;
    if (halves.size() == 2 && !ranged) refuse("a step needs a range or * before it");
    const auto [first, last] = range(halves[0]);
    const int step = halves.size() == 2 ? step_of(halves[1]) : 1;
    for (int value = first; value <= last; value += step) result.push_back(value);
  }

  std::pair<int, int> range(const std::string& text) const {
    if (text == "*") return {rule_.least, rule_.most};
    const std::vector<std::string> ends = split(text, '-');
    if (ends.size() > 2) refuse("more than one \"-\" in \"" + text + "\"");
    const int first = value_of(ends.front());
    const int last = value_of(ends.back());
    if (last < first) refuse("the range " + text + " runs backwards");
    return {first, last};
  }

  int step_of(const std::string& text) const {
    const auto step = number(text);
    if (!step || *step < 1) refuse("the step \"" + text + "\" is not a positive number");
    return *step;
  }

  int value_of(const std::string& text) const {
    const auto named = std::find(rule_.names.begin(), rule_.names.end(), lower(text));
    if (named != rule_.names.end()) {
      return rule_.least + static_cast<int>(named - rule_.names.begin());
    }
    const auto value = number(text);
    if (!value || *value < rule_.least || *value > rule_.most) {
      refuse("\"" + text + "\" is not " + expectation());
    }
    return *value;
  }

  std::string expectation() const {
    std::string text =
        "a number from " + std::to_string(rule_.least) + " to " + std::to_string(rule_.most);
    if (!rule_.names.empty())
      text += " or a name from " + rule_.names[0] + " to " + rule_.names.back();
    return text;
  }

  static std::optional<int> number(const std::string& text) {
    int value = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || text.size() > 9 || error != std::errc() || stop != end) return std::nullopt;
    return value;
  }

  const FieldRule& rule_;
  std::string field_;
};

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> result;
  bool inside = false;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank && !inside) result.emplace_back();
    if (!blank) result.back().push_back(c);
    inside = !blank;
  }
  return result;
}

std::vector<std::string> fields_of(std::string_view text) {
  static const std::map<std::string, std::string> nicknames{
      {"@hourly", "0 * * * *"},  {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
      {"@weekly", "0 0 * * 0"},  {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
      {"@annually", "0 0 1 1 *"}};
  std::vector<std::string> fields = words(text);
  if (fields.size() == 1 && fields[0].starts_with('@')) {
    const auto known = nicknames.find(lower(fields[0]));
    if (known == nicknames.end()) {
      throw Failure(
          "unknown cron name \"" + fields[0] +
          "\" (known: @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually)");
    }
    fields = words(known->second);
  }
  if (fields.size() != 5) {
    throw Failure("cron expression \"" + std::string(text) + "\" has " +
                  std::to_string(fields.size()) +
                  " fields, expected 5: minute hour day-of-month month day-of-week");
  }
  return fields;
}

template <std::size_t Size>
void set_all(std::bitset<Size>& bits, const std::vector<int>& values) {
  for (const int value : values) bits.set(static_cast<std::size_t>(value));
}

}  // namespace

CronExpression::CronExpression(std::string_view text) {
  const std::vector<std::string> fields = fields_of(text);
  const auto& rules = field_rules();
  set_all(minutes_, FieldReader(rules[0], fields[0]).values());
  set_all(hours_, FieldReader(rules[1], fields[1]).values());
  set_all(days_of_month_, FieldReader(rules[2], fields[2]).values());
  set_all(months_, FieldReader(rules[3], fields[3]).values());
  for (const int value : FieldReader(rules[4], fields[4]).values()) {
    days_of_week_.set(static_cast<std::size_t>(value % 7));
  }
  any_day_of_month_ = fields[2].starts_with('*');
  any_day_of_week_ = fields[4].starts_with('*');
  if (!ever_comes()) {
    throw Failure("cron expression \"" + std::string(text) + "\" names a date that never comes");
  }
}

bool CronExpression::ever_comes() const {
  if (any_day_of_month_ || !any_day_of_week_) return true;
  static constexpr std::array<unsigned, 13> longest{0,  31, 29, 31, 30, 31, 30,
                                                    31, 31, 30, 31, 30, 31};
  for (unsigned month = 1; month <= 12; ++month) {
    for (unsigned day = 1; months_.test(month) && day <= longest[month]; ++day) {
      if (days_of_month_.test(day)) return true;
    }
  }
  return false;
}

bool CronExpression::matches_day(local_days day) const {
  const std::chrono::year_month_day date(day);
  if (!months_.test(static_cast<unsigned>(date.month()))) return false;
  const bool in_month = days_of_month_.test(static_cast<unsigned>(date.day()));
  const bool in_week = days_of_week_.test(std::chrono::weekday(day).c_encoding());
  // Cron's old rule: two restrictions are alternatives; a "*" (even with a step) restricts further.
  if (any_day_of_month_ || any_day_of_week_) return in_month && in_week;
  return in_month || in_week;
}

LocalMinutes CronExpression::first_match(LocalMinutes start) const {
  // 29 February may be eight years away (around 2100), and the week must fit too: 40 years.
  constexpr int horizon = 366 * 41;
  local_days day = floor<days>(start);
  minutes earliest = start - day;
  for (int tried = 0; tried < horizon; ++tried) {
    if (matches_day(day)) {
      for (auto time = earliest; time < days(1); time += minutes(1)) {
        const auto hour = floor<hours>(time);
        if (!hours_.test(static_cast<std::size_t>(hour.count()))) {
          time = hour + minutes(59);
          continue;
        }
        if (minutes_.test(static_cast<std::size_t>((time - hour).count()))) return day + time;
      }
    }
    day += days(1);
    earliest = minutes(0);
  }
  throw Failure("this cron expression names a date that does not come within 40 years");
}

Instant CronExpression::next_after(Instant instant, const TimeZone& zone) const {
  return hours_.all() ? next_elapsed(instant, zone) : next_on_the_clock(instant, zone);
}

Instant CronExpression::next_elapsed(Instant instant, const TimeZone& zone) const {
  // Within a stretch of one offset the local clock runs evenly; across its end it jumps.
  Instant start = floor<minutes>(instant) + minutes(1);
  for (;;) {
    const TimeZone::Stretch stretch = zone.stretch_at(start);
    const LocalMinutes local(std::chrono::ceil<minutes>(start.time_since_epoch() + stretch.offset));
    const Instant tick(first_match(local).time_since_epoch() - stretch.offset);
    if (tick < stretch.end) return tick;
    start = stretch.end;
  }
}

Instant CronExpression::next_on_the_clock(Instant instant, const TimeZone& zone) const {
  const TimeZone::Stretch stretch = zone.stretch_at(instant);
  LocalMinutes local(floor<minutes>(instant.time_since_epoch() + stretch.offset));
  // Clocks that have just been changed: a change skips or repeats at most a day.
  if (stretch.begin > instant - days(1)) local -= days(1);
  for (;;) {
    local = first_match(local);
    const Instant tick = zone.first_instant_of(local);
    if (tick > instant) return tick;
    local += minutes(1);
  }
}

std::optional<Instant> CronExpression::latest_in(Instant after, Instant until,
                                                 const TimeZone& zone) const {
  // Looks back in growing windows, so that a long outage with frequent ticks costs little.
  for (const Span window : {Span(hours(1)), Span(days(1)), Span(days(32)), Span(days(366 * 9))}) {
    const Instant start = std::max(after, until - window);
    std::optional<Instant> latest;
    for (Instant tick = next_after(start, zone); tick <= until; tick = next_after(tick, zone)) {
      latest = tick;
    }
    if (latest || start == after) return latest;
  }
  return std::nullopt;
}

}  // namespace jobengine::distributor
