#include "common/queue/announcement.hpp"

#include <catch2/catch.hpp>

using namespace jobengine::queue;

TEST_CASE("announcement: is read as it was written", "[queue]") {
  REQUIRE(announcement_of({900, 0, 900}) == "0,900");
  REQUIRE(announced_in("0,900") == std::vector<int>{0, 900});
  REQUIRE(announcement_of({999, 5}) == "5,999");
  REQUIRE(announcement_of({999, 999}).empty());
  REQUIRE(announcement_of({}).empty());
  REQUIRE(announcement_of({9, 8, 7, 6, 5, 4, 3, 2, 1}) == "1,2,3,4,5,6,7,8");
}

TEST_CASE("announcement: bytes that are none announce nothing", "[queue]") {
  for (const char* text : {"", "x", ",0", "0;1", "1000", "-1", "0 ,1", "0x1", "99999999999"}) {
    CAPTURE(text);
    REQUIRE(announced_in(text).empty());
  }
  REQUIRE(announced_in(std::string(100000, '7')).empty());
}
