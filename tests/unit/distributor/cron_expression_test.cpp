#include "distributor/schedule/cron_expression.hpp"

#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"

using namespace jobengine::distributor;
using Catch::Matchers::Contains;

namespace {

Instant at(const char* text) {
  const auto instant = parse_instant(text);
  REQUIRE(instant);
  return *instant;
}

std::string next(const char* cron, const char* after, const char* zone = "UTC") {
  return text(CronExpression(cron).next_after(at(after), TimeZone(zone)));
}

using Times = std::vector<std::string>;

// The ticks between two instants, as times of day in UTC.
Times ticks(const char* cron, const char* from, const char* until, const char* zone) {
  const CronExpression expression(cron);
  const TimeZone place(zone);
  Times result;
  for (Instant tick = expression.next_after(at(from), place); tick < at(until);
       tick = expression.next_after(tick, place)) {
    result.push_back(text(tick).substr(11, 5));
  }
  return result;
}

}  // namespace

TEST_CASE("instant: text and back, refusing what is no date", "[distributor][schedule]") {
  CHECK(text(at("2026-11-21T00:30:07.045Z")) == "2026-11-21T00:30:07.045Z");
  CHECK(text(at("2026-11-21T00:30:07Z")) == "2026-11-21T00:30:07.000Z");
  CHECK(text(at("2026-11-21T00:30:07.5Z")) == "2026-11-21T00:30:07.500Z");
  for (const char* bad : {"", "2026-11-21", "2026-02-30T00:00:00Z", "2026-11-21T24:00:00Z",
                          "2026-11-21T00:30:07.Z", "2026-11-21T00:30:07+01:00"}) {
    CHECK_FALSE(parse_instant(bad));
  }
}

TEST_CASE("cron: fields, lists, ranges, steps and names", "[distributor][schedule]") {
  CHECK(next("* * * * *", "2026-11-21T10:00:00Z") == "2026-11-21T10:01:00.000Z");
  CHECK(next("* * * * *", "2026-11-21T10:00:59.999Z") == "2026-11-21T10:01:00.000Z");
  CHECK(next("*/15 * * * *", "2026-11-21T10:46:00Z") == "2026-11-21T11:00:00.000Z");
  CHECK(next("10-40/10 8 * * *", "2026-11-21T08:20:00Z") == "2026-11-21T08:30:00.000Z");
  CHECK(next("5,7 3,4 * * *", "2026-11-21T03:07:00Z") == "2026-11-21T04:05:00.000Z");
  CHECK(next("0 9 * * MON-fri", "2026-11-20T09:00:00Z") == "2026-11-23T09:00:00.000Z");
  CHECK(next("0 0 * * 7", "2026-11-21T00:00:00Z") == "2026-11-22T00:00:00.000Z");
  CHECK(next("0 0 * * 0", "2026-11-21T00:00:00Z") == "2026-11-22T00:00:00.000Z");
  CHECK(next("0 0 1 Jan *", "2026-11-21T00:00:00Z") == "2027-01-01T00:00:00.000Z");
  CHECK(next("0 0 31 * *", "2026-11-01T00:00:00Z") == "2026-12-31T00:00:00.000Z");
  CHECK(next("0 0 29 2 *", "2026-11-21T00:00:00Z") == "2028-02-29T00:00:00.000Z");
  CHECK(next("0 0 29 2 *", "2096-03-01T00:00:00Z") == "2104-02-29T00:00:00.000Z");
}

TEST_CASE("cron: nicknames", "[distributor][schedule]") {
  CHECK(next("@hourly", "2026-11-21T10:30:00Z") == "2026-11-21T11:00:00.000Z");
  CHECK(next("@Daily", "2026-11-21T10:30:00Z") == "2026-11-22T00:00:00.000Z");
  CHECK(next("@weekly", "2026-11-23T10:30:00Z") == "2026-11-29T00:00:00.000Z");
  CHECK(next("@monthly", "2026-11-21T10:30:00Z") == "2026-12-01T00:00:00.000Z");
  CHECK(next("@yearly", "2026-11-21T10:30:00Z") == "2027-01-01T00:00:00.000Z");
}

TEST_CASE("cron: two restricted days are alternatives, a star with a step restricts further",
          "[distributor][schedule]") {
  // The 13th, or a Friday.
  CHECK(next("0 0 13 * 5", "2026-11-07T00:00:00Z") == "2026-11-13T00:00:00.000Z");
  CHECK(next("0 0 13 * 5", "2026-11-13T00:00:00Z") == "2026-11-20T00:00:00.000Z");
  // Fridays with an odd date.
  CHECK(next("0 0 */2 * 5", "2026-11-13T00:00:00Z") == "2026-11-27T00:00:00.000Z");
}

TEST_CASE("cron: what the gap in spring leaves out fires once, at its end",
          "[distributor][schedule]") {
  // Zurich, 29 March 2026: 02:00 to 03:00 does not exist; the gap ends at 01:00 UTC.
  CHECK(ticks("30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", "Europe/Zurich") ==
        Times{"01:00", "00:30"});
  CHECK(ticks("*/20 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z", "Europe/Zurich") ==
        Times{"01:00"});
  CHECK(ticks("30 1,2,3 * * *", "2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z", "Europe/Zurich") ==
        Times{"00:30", "01:00", "01:30"});
}

TEST_CASE("cron: what clocks show twice in autumn fires the first time only",
          "[distributor][schedule]") {
  // Zurich, 25 October 2026: 02:00 to 03:00 comes twice, from 00:00 and from 01:00 UTC.
  CHECK(ticks("30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", "Europe/Zurich") ==
        Times{"00:30", "01:30"});
  CHECK(ticks("*/30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z", "Europe/Zurich") ==
        Times{"00:00", "00:30"});
  // Asked from within the second showing.
  CHECK(next("30 2 * * *", "2026-10-25T01:10:00Z", "Europe/Zurich") == "2026-10-26T01:30:00.000Z");
}

TEST_CASE("cron: an expression for every hour follows elapsed time when clocks are changed",
          "[distributor][schedule]") {
  CHECK(ticks("30 * * * *", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z", "Europe/Zurich") ==
        Times{"00:30", "01:30", "02:30"});
  CHECK(ticks("30 * * * *", "2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z", "Europe/Zurich") ==
        Times{"00:30", "01:30", "02:30"});
  // Half an hour's change (Lord Howe): 02:00 local becomes 01:30 on 5 April 2026, 15:00 UTC.
  CHECK(ticks("0 * * * *", "2026-04-04T13:30:00Z", "2026-04-04T17:00:00Z", "Australia/Lord_Howe") ==
        Times{"14:00", "15:30", "16:30"});
}

TEST_CASE("cron: the latest tick before now is found after any outage", "[distributor][schedule]") {
  const TimeZone utc("UTC");
  const CronExpression minutely("* * * * *");
  CHECK(minutely.latest_in(at("2016-01-01T00:00:00Z"), at("2026-11-21T10:00:30Z"), utc) ==
        at("2026-11-21T10:00:00Z"));
  const CronExpression yearly("0 0 1 1 *");
  CHECK(yearly.latest_in(at("2020-01-01T00:00:00Z"), at("2026-11-21T10:00:30Z"), utc) ==
        at("2026-01-01T00:00:00Z"));
  CHECK_FALSE(yearly.latest_in(at("2026-01-01T00:00:00Z"), at("2026-11-21T10:00:30Z"), utc));
}

TEST_CASE("cron: a bad expression names the field, what it says and what was expected",
          "[distributor][schedule]") {
  const auto complaint = [](const char* cron) {
    try {
      const CronExpression expression(cron);
    } catch (const jobengine::runtime::Failure& failure) {
      return std::string(failure.what());
    }
    return std::string("accepted");
  };
  CHECK_THAT(complaint("61 * * * *"), Contains("\"minute\"") && Contains("0 to 59"));
  CHECK_THAT(complaint("* 24 * * *"), Contains("\"hour\"") && Contains("0 to 23"));
  CHECK_THAT(complaint("* * 0 * *"), Contains("\"day of month\"") && Contains("1 to 31"));
  CHECK_THAT(complaint("* * * foo *"), Contains("\"month\"") && Contains("jan to dec"));
  CHECK_THAT(complaint("* * * * 8"), Contains("\"day of week\"") && Contains("sun to sat"));
  CHECK_THAT(complaint("* * * *"), Contains("4 fields") && Contains("expected 5"));
  CHECK_THAT(complaint(""), Contains("0 fields"));
  CHECK_THAT(complaint("*/0 * * * *"), Contains("step"));
  CHECK_THAT(complaint("*/x * * * *"), Contains("step"));
  CHECK_THAT(complaint("5/10 * * * *"), Contains("needs a range"));
  CHECK_THAT(complaint("*/2/3 * * * *"), Contains("more than one"));
  CHECK_THAT(complaint("1-2-3 * * * *"), Contains("more than one"));
  CHECK_THAT(complaint("40-10 * * * *"), Contains("backwards"));
  CHECK_THAT(complaint("1,,2 * * * *"), Contains("\"\" is not a number"));
  CHECK_THAT(complaint("? * * * *"), Contains("\"?\" is not"));
  CHECK_THAT(complaint("-1 * * * *"), Contains("is not a number"));
  CHECK_THAT(complaint("@often"), Contains("unknown cron name") && Contains("@daily"));
  CHECK_THAT(complaint("0 0 30 2 *"), Contains("never comes"));
}

TEST_CASE("time zone: an unknown name is refused", "[distributor][schedule]") {
  CHECK_THROWS_WITH(TimeZone("Mars/Olympus"), Contains("unknown time zone \"Mars/Olympus\""));
  CHECK_THROWS_AS(TimeZone(""), jobengine::runtime::Failure);
}
