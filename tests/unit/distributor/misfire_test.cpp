#include "distributor/schedule/misfire.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <vector>

using namespace jobengine::distributor;
using namespace std::chrono_literals;

namespace {

const Instant noon = *parse_instant("2026-11-21T12:00:00Z");

TickSchedule cron(const char* expression, const char* zone = "UTC") {
  return TickSchedule::cron(CronExpression(expression), TimeZone(zone));
}

NextTick next(const TickSchedule& schedule, Misfire misfire, Instant last, Instant now) {
  return next_tick(schedule, misfire, "d", last, now);
}

// Every tick that is made for, one after the other, until none is due; all at `now`.
std::vector<Instant> made_up(const TickSchedule& schedule, Misfire misfire, Instant last,
                             Instant now) {
  std::vector<Instant> ticks;
  for (;;) {
    last = next(schedule, misfire, last, now).tick;
    if (last > now) return ticks;
    ticks.push_back(last);
  }
}

// Walked through one by one.
std::vector<Instant> all_ticks(const TickSchedule& schedule, Instant last, Instant now) {
  std::vector<Instant> ticks;
  for (Instant tick = schedule.following(last); tick <= now; tick = schedule.following(tick)) {
    ticks.push_back(tick);
  }
  return ticks;
}

constexpr std::array every_policy{Misfire::Skip, Misfire::Once, Misfire::All};

}  // namespace

TEST_CASE("misfire: when nothing was missed the next tick is the one that follows",
          "[distributor][misfire]") {
  for (const Misfire misfire : every_policy) {
    for (const auto& schedule : {TickSchedule::every(1h), cron("0 * * * *")}) {
      for (const Span after : {Span(0), Span(1), Span(59min)}) {
        const auto found = next(schedule, misfire, noon, noon + after);
        CHECK(found.tick == noon + 1h);
        CHECK_FALSE(found.left_out);
      }
      // Just come due: nobody is late yet.
      CHECK(next(schedule, misfire, noon, noon + 1h).tick == noon + 1h);
    }
  }
}

TEST_CASE("misfire: once, the latest missed tick stands for all", "[distributor][misfire]") {
  for (const auto& schedule : {TickSchedule::every(1h), cron("0 * * * *")}) {
    const auto found = next(schedule, Misfire::Once, noon, noon + 5h + 10min);
    CHECK(found.tick == noon + 5h);
    CHECK(found.left_out == noon + 1h);
    CHECK(made_up(schedule, Misfire::Once, noon, noon + 5h + 10min).size() == 1);
  }
}

TEST_CASE("misfire: skip, no missed tick is made up for", "[distributor][misfire]") {
  for (const auto& schedule : {TickSchedule::every(1h), cron("0 * * * *")}) {
    const auto found = next(schedule, Misfire::Skip, noon, noon + 5h + 10min);
    CHECK(found.tick == noon + 6h);
    CHECK(found.left_out == noon + 1h);
    CHECK(made_up(schedule, Misfire::Skip, noon, noon + 5h + 10min).empty());
  }
}

TEST_CASE("misfire: skip, a tick that is late by a change of leaders is not missed",
          "[distributor][misfire]") {
  const auto hourly = TickSchedule::every(1h);
  CHECK(next(hourly, Misfire::Skip, noon, noon + 1h + longest_lateness).tick == noon + 1h);
  CHECK(next(hourly, Misfire::Skip, noon, noon + 1h + longest_lateness + Span(1)).tick ==
        noon + 2h);
  // Of many that are late the latest only.
  const auto quick = TickSchedule::every(5s);
  CHECK(made_up(quick, Misfire::Skip, noon, noon + 62s) == std::vector<Instant>{noon + 60s});
}

TEST_CASE("misfire: lateness counts from when the tick was to happen, its jitter included",
          "[distributor][misfire]") {
  const auto daily = TickSchedule::every(24h, 12h);
  const Instant start = daily.start_of(noon + 24h, "d");
  CHECK(next(daily, Misfire::Skip, noon, start + longest_lateness).tick == noon + 24h);
  CHECK(next(daily, Misfire::Skip, noon, start + longest_lateness + Span(1)).tick == noon + 48h);
}

TEST_CASE("misfire: all, every missed tick one after the other, the oldest first",
          "[distributor][misfire]") {
  for (const auto& schedule : {TickSchedule::every(1h), cron("0 * * * *")}) {
    CHECK_FALSE(next(schedule, Misfire::All, noon, noon + 5h).left_out);
    CHECK(made_up(schedule, Misfire::All, noon, noon + 5h + 10min) ==
          std::vector<Instant>{noon + 1h, noon + 2h, noon + 3h, noon + 4h, noon + 5h});
  }
}

TEST_CASE("misfire: all, of more than the limit the oldest are left out",
          "[distributor][misfire]") {
  const auto count = static_cast<std::size_t>(most_made_up);
  for (const auto& schedule : {TickSchedule::every(1min), cron("* * * * *"), cron("* 6-20 * * *"),
                               cron("*/7 3,15 * * mon-fri", "Europe/Zurich")}) {
    for (const Span outage : {Span(16h), Span(17h), Span(24h * 90)}) {
      const auto missed = all_ticks(schedule, noon, noon + outage);
      const auto found = next(schedule, Misfire::All, noon, noon + outage);
      if (missed.empty()) continue;
      const bool few = missed.size() <= count;
      CHECK(found.tick == (few ? missed.front() : missed[missed.size() - count]));
      CHECK(found.left_out.has_value() == !few);
      if (!few) CHECK(found.left_out == missed.front());
    }
  }
  CHECK(made_up(TickSchedule::every(1min), Misfire::All, noon, noon + 30h).size() == count);
  CHECK(made_up(cron("* * * * *"), Misfire::All, noon, noon + 24h * 400).size() == count);
}

TEST_CASE("misfire: all, clocks that are changed neither double nor drop a tick",
          "[distributor][misfire]") {
  // Both nights of 2026 in which clocks are changed.
  const auto nightly = cron("30 2 * * *", "Europe/Zurich");
  const Instant january = *parse_instant("2026-01-01T00:00:00Z");
  CHECK(made_up(nightly, Misfire::All, january, january + 24h * 365).size() == 365);
}

TEST_CASE("misfire: a tick ahead of our clock is followed, an absurd one is not believed",
          "[distributor][misfire]") {
  for (const Misfire misfire : every_policy) {
    const auto hourly = TickSchedule::every(1h);
    CHECK(next(hourly, misfire, noon, noon - 5s).tick == noon + 1h);
    const auto found = next(hourly, misfire, noon + 24h, noon);
    CHECK(found.tick == noon);
    CHECK_FALSE(found.left_out);
    CHECK(next(cron("0 * * * *"), misfire, noon + 48h, noon + 1s).tick == noon + 1h);
  }
}
