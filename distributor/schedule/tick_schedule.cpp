#include "distributor/schedule/tick_schedule.hpp"

#include <algorithm>
#include <cstdint>
#include <deque>

#include "common/runtime/failure.hpp"

namespace jobengine::distributor {

namespace {

// FNV-1a with a final mix: the same in every process, unlike std::hash.
std::uint64_t digest(std::string_view text) {
  std::uint64_t value = 14695981039346656037ULL;
  for (const char c : text) {
    value ^= static_cast<unsigned char>(c);
    value *= 1099511628211ULL;
  }
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  return value;
}

// Two machines' clocks may well differ; by more than this, one of them is broken.
constexpr Span believable_skew = std::chrono::hours(1);

}  // namespace

TickSchedule::TickSchedule(std::variant<Span, Cron> rule, Span jitter)
    : rule_(std::move(rule)), jitter_(jitter) {}

TickSchedule TickSchedule::every(Span interval, Span jitter) {
  JE_CHECK(interval > Span(0), "an interval is positive");
  return TickSchedule(interval, jitter);
}

TickSchedule TickSchedule::cron(CronExpression expression, TimeZone zone, Span jitter) {
  return TickSchedule(Cron{expression, std::move(zone)}, jitter);
}

bool TickSchedule::is_interval() const {
  return std::holds_alternative<Span>(rule_);
}

Instant TickSchedule::first(Instant now) const {
  if (is_interval()) return now;
  const Cron& cron = std::get<Cron>(rule_);
  return cron.expression.next_after(now, cron.zone);
}

Instant TickSchedule::next(Instant last, Instant now) const {
  if (last > now + believable_skew) return first(now);
  if (const Span* interval = std::get_if<Span>(&rule_)) {
    const Instant following = last + *interval;
    if (following >= now) return following;
    return last + (now - last) / *interval * *interval;
  }
  const Cron& cron = std::get<Cron>(rule_);
  const auto missed = cron.expression.latest_in(last, now, cron.zone);
  return missed ? *missed : cron.expression.next_after(last, cron.zone);
}

Instant TickSchedule::following(Instant last) const {
  if (const Span* interval = std::get_if<Span>(&rule_)) return last + *interval;
  const Cron& cron = std::get<Cron>(rule_);
  return cron.expression.next_after(last, cron.zone);
}

Instant TickSchedule::oldest_of(int most, Instant last, Instant now) const {
  JE_CHECK(most > 0, "at least one tick is wanted");
  if (const Span* interval = std::get_if<Span>(&rule_)) {
    const auto missed = now <= last ? 0 : (now - last) / *interval;
    return last + std::max<Span::rep>(missed - most + 1, 1) * *interval;
  }
  // Few are the rule, and cost a few steps forward.
  const Instant oldest = following(last);
  Instant tick = oldest;
  for (int passed = 0; passed < most; ++passed) {
    if (tick > now) return oldest;
    tick = following(tick);
  }
  if (tick > now) return oldest;
  // Many: looks back in growing windows, so that what a year left out need not be walked through.
  for (Span window = std::chrono::hours(1);; window *= 2) {
    const Instant start = std::max(last, now - window);
    std::deque<Instant> latest;
    for (tick = following(start); tick <= now; tick = following(tick)) {
      latest.push_back(tick);
      if (latest.size() > static_cast<std::size_t>(most)) latest.pop_front();
    }
    const bool enough = latest.size() == static_cast<std::size_t>(most);
    if (enough || start == last) return latest.front();
  }
}

Instant TickSchedule::start_of(Instant tick, std::string_view name) const {
  if (jitter_ <= Span(0)) return tick;
  const std::uint64_t share = digest(std::string(name) + "@" + text(tick));
  return tick + Span(static_cast<Span::rep>(share % static_cast<std::uint64_t>(jitter_.count())));
}

}  // namespace jobengine::distributor
