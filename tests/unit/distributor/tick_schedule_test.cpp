#include "distributor/schedule/tick_schedule.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "distributor/schedule/tick_ledger.hpp"

using namespace jobengine::distributor;
using namespace std::chrono_literals;

namespace {

const Instant noon = *parse_instant("2026-11-21T12:00:00Z");

}  // namespace

TEST_CASE("every: the first tick of all is at once, the next one interval later",
          "[distributor][schedule]") {
  const auto daily = TickSchedule::every(24h);
  CHECK(daily.first(noon) == noon);
  CHECK(daily.next(noon, noon + 1s) == noon + 24h);
  CHECK(daily.next(noon, noon + 24h) == noon + 24h);
}

TEST_CASE("every: missed ticks count as one and the grid is kept", "[distributor][schedule]") {
  const auto minutely = TickSchedule::every(60s);
  CHECK(minutely.next(noon, noon + 61s) == noon + 60s);
  CHECK(minutely.next(noon, noon + 3h + 17s) == noon + 3h);
  CHECK(minutely.next(noon + 3h, noon + 3h + 17s) == noon + 3h + 60s);
}

TEST_CASE("every: a clock behind the last leader's repeats nothing, an absurd tick is not believed",
          "[distributor][schedule]") {
  const auto minutely = TickSchedule::every(60s);
  CHECK(minutely.next(noon, noon - 5s) == noon + 60s);
  CHECK(minutely.next(noon + 24h, noon) == noon);
}

TEST_CASE("cron: the first tick is waited for, missed ones count as one",
          "[distributor][schedule]") {
  const auto hourly = TickSchedule::cron(CronExpression("0 * * * *"), TimeZone("UTC"));
  CHECK(hourly.first(noon + 1s) == noon + 1h);
  CHECK(hourly.next(noon, noon + 10min) == noon + 1h);
  CHECK(hourly.next(noon, noon + 5h + 10min) == noon + 5h);
  CHECK(hourly.next(noon + 5h, noon + 5h + 10min) == noon + 6h);
  CHECK(hourly.next(noon + 48h, noon + 1s) == noon + 1h);
}

TEST_CASE("jitter: up to its length, different from tick to tick, the same for everybody",
          "[distributor][schedule]") {
  const auto one = TickSchedule::every(60s, 10s);
  const auto other = TickSchedule::every(60s, 10s);
  std::set<Span> delays;
  for (int i = 0; i < 50; ++i) {
    const Instant tick = noon + i * 60s;
    const Span delay = one.start_of(tick, "usage_report") - tick;
    CHECK(delay >= Span(0));
    CHECK(delay < Span(10s));
    CHECK(other.start_of(tick, "usage_report") == tick + delay);
    delays.insert(delay);
  }
  CHECK(delays.size() > 30);
  CHECK(TickSchedule::every(60s).start_of(noon, "usage_report") == noon);
}

TEST_CASE("ledger: its bytes, and garbage in their place", "[distributor][ledger]") {
  CHECK(encode(noon, /*open=*/false) == R"({"last":"2026-11-21T12:00:00.000Z"})");
  CHECK(encode(noon, /*open=*/true) == R"({"last":"2026-11-21T12:00:00.000Z","open":true})");
  const LedgerEntry read = decode(encode(noon, /*open=*/true), 7);
  CHECK(read.last == noon);
  CHECK(read.open);
  CHECK(read.version == 7);
  for (const char* bad :
       {"", "{", "[]", R"({"last":5})", R"({"last":"yesterday"})", R"({"open":true})"}) {
    CHECK_FALSE(decode(bad, 1).last);
    CHECK_FALSE(decode(bad, 1).open);
    CHECK(decode(bad, 1).version == 1);
  }
}
