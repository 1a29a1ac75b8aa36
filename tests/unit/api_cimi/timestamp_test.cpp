#include "api/cimi/timestamp.hpp"

#include <catch2/catch.hpp>
#include <utility>

#include "api/filter/dates.hpp"

namespace jobengine::api::cimi {
namespace {

TEST_CASE("timestamp: written in UTC with three decimals and read back", "[api]") {
  const WallTime time(std::chrono::milliseconds(1714979289045));
  CHECK(timestamp(time) == "2024-05-06T07:08:09.045Z");
  CHECK(parse_timestamp("2024-05-06T07:08:09.045Z") == time);
}

TEST_CASE("timestamp: fractions of 0 to 3 digits and zones are read", "[api]") {
  const WallTime whole(std::chrono::milliseconds(1714979289000));
  CHECK(parse_timestamp("2024-05-06T07:08:09Z") == whole);
  CHECK(parse_timestamp("2024-05-06T09:08:09.5+02:00") == whole + std::chrono::milliseconds(500));
  CHECK(parse_timestamp("2024-05-06T01:38:09-05:30") == whole);
}

TEST_CASE("timestamp: what a document may hold is a date in filters, and nothing else", "[api]") {
  for (const char* text : {"2024-02-01T01:00:00+18:00", "2024-02-01T01:00:00+20:00",
                           "2024-02-01T01:00:00.Z", "0000-01-01T00:00:00Z"}) {
    CAPTURE(text);
    CHECK(parse_timestamp(text).has_value() == filter::parse_timestamp(text).has_value());
  }
}

TEST_CASE("timestamp: what no calendar has is refused", "[api]") {
  for (const char* bad :
       {"2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z",
        "2024-05-06T24:00:00Z", "2024-05-06T07:60:09Z", "2024-05-06", "2024-05-06T07:08:09",
        "2024-05-06T07:08:09.1234Z", "24-05-06T07:08:09Z", "", "2024-05-06T07:08:09+2:00"}) {
    CHECK_FALSE(parse_timestamp(bad));
  }
}

TEST_CASE("ids: those of one process sort as they were made, many in a millisecond too", "[api]") {
  auto before = new_uuid();
  for (int at = 0; at < 20'000; ++at) {
    auto id = new_uuid();
    CAPTURE(before, id);
    REQUIRE(before < id);
    REQUIRE(id[14] == '7');
    before = std::move(id);
  }
}

TEST_CASE("ids: new ones sort by time and look like a uuid of version 7", "[api]") {
  const auto id = new_uuid();
  REQUIRE(id.size() == 36);
  CHECK(id[14] == '7');
  CHECK(std::string("89ab").find(id[19]) != std::string::npos);
  CHECK(id != new_uuid());
  CHECK(is_uuid(id));
  CHECK(is_uuid(uuid_of("admin")));
  CHECK(uuid_of("admin") == uuid_of("admin"));
  CHECK(uuid_of("admin") != uuid_of("Admin"));
}

}  // namespace
}  // namespace jobengine::api::cimi
