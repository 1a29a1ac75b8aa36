// When a distribution is due: at an interval or by cron, with jitter. Pure: the caller knows the
// time.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "distributor/schedule/cron_expression.hpp"
#include "distributor/schedule/instant.hpp"

namespace jobengine::distributor {

// A tick is a planned instant; it happens at start_of(tick), which is later by the jitter, or later
// still when everybody was away. Ticks are the same for every distributor that knows the last one.
class TickSchedule {
 public:
  static TickSchedule every(Span interval, Span jitter = Span(0));
  static TickSchedule cron(CronExpression expression, TimeZone zone, Span jitter = Span(0));

  // The first tick of all, when none was ever kept: at once for an interval (as in Nuvla), the next
  // one for cron.
  Instant first(Instant now) const;

  // The tick after `last`. Ticks that were missed count as one: the latest of them that is not
  // after `now`. With an interval, ticks keep their distance from the first of all. A `last` from
  // the future (a clock was wrong) beyond reason is not believed; the ticks then begin anew.
  Instant next(Instant last, Instant now) const;

  // The tick right after `last`, whether it is due or not.
  Instant following(Instant last) const;

  // Of the ticks in (last, now] the oldest of the latest `most`; following(last) when there is
  // none.
  Instant oldest_of(int most, Instant last, Instant now) const;

  // When `tick` happens: up to the jitter later, always the same for one name and tick.
  Instant start_of(Instant tick, std::string_view name) const;

  bool is_interval() const;

 private:
  struct Cron {
    CronExpression expression;
    TimeZone zone;
  };
  TickSchedule(std::variant<Span, Cron> rule, Span jitter);

  std::variant<Span, Cron> rule_;
  Span jitter_;
};

}  // namespace jobengine::distributor
