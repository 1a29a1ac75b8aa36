#include "distributor/schedule/misfire.hpp"

namespace jobengine::distributor {

namespace {

Instant chosen(const TickSchedule& schedule, Misfire misfire, std::string_view name, Instant last,
               Instant now) {
  const Instant latest = schedule.next(last, now);
  switch (misfire) {
    case Misfire::Once:
      return latest;
    case Misfire::Skip:
      return now - schedule.start_of(latest, name) <= longest_lateness ? latest
                                                                       : schedule.following(latest);
    case Misfire::All:
      return schedule.oldest_of(most_made_up, last, now);
  }
  return latest;
}

}  // namespace

NextTick next_tick(const TickSchedule& schedule, Misfire misfire, std::string_view name,
                   Instant last, Instant now) {
  // From a clock that was ahead of ours: nothing has been missed.
  if (last > now) return {schedule.next(last, now), std::nullopt};
  NextTick next;
  next.tick = chosen(schedule, misfire, name, last, now);
  const Instant oldest = schedule.following(last);
  if (oldest < next.tick) next.left_out = oldest;
  return next;
}

}  // namespace jobengine::distributor
