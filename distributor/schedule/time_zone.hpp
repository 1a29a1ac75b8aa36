// Local time of a place, from the system's zone files (/usr/share/zoneinfo). Howard Hinnant's date
// library stays behind it.
#pragma once

#include <chrono>
#include <string>

#include "distributor/schedule/instant.hpp"

namespace jobengine::distributor {

using LocalMinutes = std::chrono::local_time<std::chrono::minutes>;

class TimeZone {
 public:
  // "UTC", "Europe/Zurich". Throws Failure for a name the system does not know.
  explicit TimeZone(const std::string& name);

  const std::string& name() const { return name_; }

  // A stretch of time in which the offset does not change.
  struct Stretch {
    Instant begin;
    Instant end;                  // the first instant that is not in it any more
    std::chrono::seconds offset;  // local time = UTC + offset
  };
  Stretch stretch_at(Instant instant) const;

  // When clocks show `local`: the first time where they show it twice; the end of the gap where
  // they never show it.
  Instant first_instant_of(LocalMinutes local) const;

 private:
  std::string name_;
  const void* zone_;  // a date::time_zone, which lives as long as the process
};

}  // namespace jobengine::distributor
