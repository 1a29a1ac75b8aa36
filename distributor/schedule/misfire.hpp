// What becomes of ticks that nobody began when they were due. Pure: the caller knows the time.
#pragma once

#include <optional>
#include <string_view>

#include "distributor/schedule/tick_schedule.hpp"

namespace jobengine::distributor {

enum class Misfire {
  Skip,  // none is made up for
  Once,  // the latest one stands for all
  All,   // one after the other, the oldest first, up to most_made_up of them
};

// So much later than planned a tick is late; beyond, it is missed. A leader's death costs a session
// timeout, and that alone shall skip nothing.
inline constexpr Span longest_lateness = std::chrono::minutes(1);

// Of more missed ticks than this the oldest are left out, so that years of every minute end.
inline constexpr int most_made_up = 1000;

struct NextTick {
  Instant tick;
  // The oldest that is left out between the last tick and this one; nothing: none is.
  std::optional<Instant> left_out;
};

// The tick after `last`, of the distribution of that name; due already when it was missed.
NextTick next_tick(const TickSchedule& schedule, Misfire misfire, std::string_view name,
                   Instant last, Instant now);

}  // namespace jobengine::distributor
