#include "api/filter/dates.hpp"

#include <catch2/catch.hpp>

using namespace jobengine::api::filter;

namespace {

const Millis now = *parse_timestamp("2024-03-31T12:34:56.789Z");

// "first .. last", or the instant.
std::string resolved(const char* text) {
  const auto span = resolve_date(text, now);
  if (!span) return "no date";
  if (span->first == span->last) return timestamp_text(span->first);
  return timestamp_text(span->first) + " .. " + timestamp_text(span->last);
}

}  // namespace

TEST_CASE("dates: timestamps are full, exact and of this calendar", "[filter]") {
  CHECK(parse_timestamp("1970-01-01T00:00:00Z") == 0);
  CHECK(parse_timestamp("1969-12-31T23:59:59.999Z") == -1);
  CHECK(parse_timestamp("1970-01-01T02:00:00.5+02:00") == 500);
  CHECK(timestamp_text(-1) == "1969-12-31T23:59:59.999Z");
  for (const char* bad : {"", "2012", "2012-01-02", "2012-01-02T13:14Z", "2012-01-02T13:14:25",
                          "2012-01-02T13:14:25.1234Z", "2012-13-02T13:14:25Z",
                          "2023-02-29T00:00:00Z", "2012-01-02T24:00:00Z", "2012-01-02T13:14:25.Z",
                          "2012-01-02T13:14:25Zx", "2012-1-02T13:14:25Z", "2012-01-02 13:14:25Z"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_timestamp(bad));
  }
}

TEST_CASE("dates: now and its steps", "[filter]") {
  CHECK(resolved("now") == "2024-03-31T12:34:56.789Z");
  CHECK(resolved("now-7d") == "2024-03-24T12:34:56.789Z");
  CHECK(resolved("now-120s") == "2024-03-31T12:32:56.789Z");
  CHECK(resolved("now+1h-5m") == "2024-03-31T13:29:56.789Z");
  CHECK(resolved("now-1H") == "2024-03-31T11:34:56.789Z");
  CHECK(resolved("now-1M") == "2024-02-29T12:34:56.789Z");
  CHECK(resolved("now-13M") == "2023-02-28T12:34:56.789Z");
  CHECK(resolved("now+1y") == "2025-03-31T12:34:56.789Z");
  CHECK(resolved("now-2w") == "2024-03-17T12:34:56.789Z");
  CHECK(resolved("now/d") == "2024-03-31T00:00:00.000Z .. 2024-03-31T23:59:59.999Z");
  CHECK(resolved("now/M") == "2024-03-01T00:00:00.000Z .. 2024-03-31T23:59:59.999Z");
  CHECK(resolved("now/y") == "2024-01-01T00:00:00.000Z .. 2024-12-31T23:59:59.999Z");
  CHECK(resolved("now/w") == "2024-03-25T00:00:00.000Z .. 2024-03-31T23:59:59.999Z");
  CHECK(resolved("now/h") == "2024-03-31T12:00:00.000Z .. 2024-03-31T12:59:59.999Z");
  CHECK(resolved("now-1d/d") == "2024-03-30T00:00:00.000Z .. 2024-03-30T23:59:59.999Z");
}

TEST_CASE("dates: partial dates are spans, anchors take steps", "[filter]") {
  CHECK(resolved("2024") == "2024-01-01T00:00:00.000Z .. 2024-12-31T23:59:59.999Z");
  CHECK(resolved("2024-02") == "2024-02-01T00:00:00.000Z .. 2024-02-29T23:59:59.999Z");
  CHECK(resolved("2024-02-03") == "2024-02-03T00:00:00.000Z .. 2024-02-03T23:59:59.999Z");
  CHECK(resolved("2024-02-03T04:05") == "2024-02-03T04:05:00.000Z .. 2024-02-03T04:05:59.999Z");
  CHECK(resolved("2024-02-03T04:05:06.7+01:00") == "2024-02-03T03:05:06.700Z");
  CHECK(resolved("2024-01-31||+1M/d") == "2024-02-29T00:00:00.000Z .. 2024-02-29T23:59:59.999Z");
  CHECK(resolved("1700000000000") == "2023-11-14T22:13:20.000Z");
  for (const char* bad :
       {"", "nowhere", "now-", "now-d7", "now-7x", "now 7d", "yesterday", "2024-13",
        "2024-01-31+1d", "now-99999999999999999999d", "now/5d", "now+999999999999y"}) {
    CAPTURE(bad);
    CHECK(resolved(bad) == "no date");
  }
}
