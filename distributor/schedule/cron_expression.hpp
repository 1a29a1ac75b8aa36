// Cron's five fields: minute, hour, day of month, month, day of week. Pure but for the zone files.
//
// Fields: "*", numbers, names (jan, mon; any case), lists "1,2", ranges "1-5", steps "*/5" and
// "10-40/10". Day of week: 0 to 7, 0 and 7 are Sunday. When both days are restricted (neither
// begins with "*"), either may match. Also @hourly, @daily (@midnight), @weekly, @monthly, @yearly
// (@annually).
//
// When clocks are changed: an expression for every hour follows elapsed time. Any other fires once
// at the end of the gap for what the gap left out, and only the first time for what clocks show
// twice.
#pragma once

#include <bitset>
#include <string>
#include <string_view>

#include "distributor/schedule/instant.hpp"
#include "distributor/schedule/time_zone.hpp"

namespace jobengine::distributor {

class CronExpression {
 public:
  // Throws Failure that names the bad field, what it says and what was expected; also for a date
  // that never comes (30 February).
  explicit CronExpression(std::string_view text);

  // The first tick later than `instant`.
  Instant next_after(Instant instant, const TimeZone& zone) const;
  // The latest tick in (after, until]; nothing when there is none.
  std::optional<Instant> latest_in(Instant after, Instant until, const TimeZone& zone) const;

 private:
  bool matches_day(std::chrono::local_days day) const;
  // The first matching minute at or after `start`.
  LocalMinutes first_match(LocalMinutes start) const;
  Instant next_elapsed(Instant instant, const TimeZone& zone) const;
  Instant next_on_the_clock(Instant instant, const TimeZone& zone) const;
  bool ever_comes() const;

  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_of_month_;
  std::bitset<13> months_;
  std::bitset<7> days_of_week_;  // 0: Sunday
  bool any_day_of_month_ = false;
  bool any_day_of_week_ = false;
};

}  // namespace jobengine::distributor
