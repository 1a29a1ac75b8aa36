#include "distributor/schedule/time_zone.hpp"

#include <date/tz.h>

#include <limits>

#include "common/runtime/failure.hpp"

namespace jobengine::distributor {

namespace {

const date::time_zone& known(const void* zone) {
  return *static_cast<const date::time_zone*>(zone);
}

// The library marks "for ever" by instants that do not fit a count of milliseconds.
Instant clamped(date::sys_seconds instant) {
  constexpr auto limit = std::numeric_limits<std::int64_t>::max() / 1000;
  const auto seconds = instant.time_since_epoch().count();
  if (seconds >= limit) return Instant::max();
  if (seconds <= -limit) return Instant::min();
  return Instant(std::chrono::seconds(seconds));
}

}  // namespace

TimeZone::TimeZone(const std::string& name) : name_(name), zone_(nullptr) {
  try {
    zone_ = date::locate_zone(name);
  } catch (const std::exception&) {
    throw runtime::Failure("unknown time zone \"" + name +
                           "\" (expected a name like UTC or Europe/Zurich)");
  }
}

TimeZone::Stretch TimeZone::stretch_at(Instant instant) const {
  const auto info = known(zone_).get_info(date::sys_time<Span>(instant.time_since_epoch()));
  return Stretch{clamped(info.begin), clamped(info.end), info.offset};
}

Instant TimeZone::first_instant_of(LocalMinutes local) const {
  const date::local_time<std::chrono::minutes> there(local.time_since_epoch());
  const auto info = known(zone_).get_info(there);
  if (info.result == date::local_info::nonexistent) return clamped(info.first.end);
  return Instant(local.time_since_epoch() - info.first.offset);
}

}  // namespace jobengine::distributor
