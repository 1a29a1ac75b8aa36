#include "ctl/times.hpp"

#include <catch2/catch.hpp>

using namespace jobengine::ctl;
using namespace std::chrono_literals;

TEST_CASE("times: a timestamp of the API survives a round trip", "[ctl]") {
  const auto time = parse_timestamp("2026-02-28T23:59:58.042Z");
  REQUIRE(time.has_value());
  REQUIRE(timestamp_text(*time) == "2026-02-28T23:59:58.042Z");
  REQUIRE(time->time_since_epoch() == 1772323198042ms);
}

TEST_CASE("times: anything else is no timestamp", "[ctl]") {
  for (const char* text : {"", "2026-02-30T00:00:00.000Z", "2026-02-28T23:59:58Z",
                           "2026-02-28 23:59:58.042Z", "+026-02-28T23:59:58.042Z"}) {
    CAPTURE(text);
    REQUIRE_FALSE(parse_timestamp(text).has_value());
  }
}

TEST_CASE("times: durations read as people say them", "[ctl]") {
  REQUIRE(duration_text(250ms) == "250ms");
  REQUIRE(duration_text(1449ms) == "1.4s");
  REQUIRE(duration_text(42s) == "42s");
  REQUIRE(duration_text(65s) == "1m05s");
  REQUIRE(duration_text(3h + 12min) == "3h12m");
  REQUIRE(duration_text(std::chrono::hours(4 * 24 + 7)) == "4d07h");
  REQUIRE(duration_text(-5s) == "0ms");
}

TEST_CASE("times: the age of something is told from its timestamp", "[ctl]") {
  const auto now = *parse_timestamp("2026-02-28T12:00:30.000Z");
  REQUIRE(age_text("2026-02-28T12:00:00.000Z", now) == "30s");
  REQUIRE(age_text("2026-02-28T12:00:31.000Z", now) == "0s");
  REQUIRE(age_text("yesterday", now).empty());
}
