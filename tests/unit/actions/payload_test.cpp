#include <catch2/catch.hpp>
#include <jobengine/payload.hpp>

using jobengine::Payload;
using jobengine::PayloadError;
using nlohmann::json;

TEST_CASE("payload: keys of the right type are read, missing ones have their default", "[sdk]") {
  Payload payload({{"url", "x"}, {"count", 3}, {"share", 0.5}, {"on", true}, {"none", nullptr}});
  REQUIRE(payload.text("url") == "x");
  REQUIRE(payload.integer_or("count", 1, 0, 10) == 3);
  REQUIRE(payload.number_or("share", 1, 0, 1) == 0.5);
  REQUIRE(payload.number_or("count", 1, 0, 10) == 3);
  REQUIRE(payload.flag_or("on", false));
  REQUIRE(payload.text_or("none", "default") == "default");
  REQUIRE(payload.text_map("headers").empty());
  REQUIRE_NOTHROW(payload.finish());
}

TEST_CASE("payload: every mistake is told by key, expectation and value", "[sdk]") {
  Payload payload(
      {{"a", 1}, {"big", 18446744073709551615U}, {"s", "x"}, {"long", std::string(999, 'y')}});
  REQUIRE_THROWS_WITH(payload.text("missing"), "payload: \"missing\" is missing (a string)");
  REQUIRE_THROWS_WITH(payload.text("a"), "payload: \"a\" must be a string, but is 1");
  REQUIRE_THROWS_WITH(payload.integer_or("a", 5, 2, 9),
                      "payload: \"a\" must be an integer from 2 to 9, but is 1");
  REQUIRE_THROWS_AS(payload.integer_or("big", 0, 0, INT64_MAX), PayloadError);
  REQUIRE_THROWS_WITH(payload.number_or("s", 1, 0, 1.5),
                      "payload: \"s\" must be a number from 0.0 to 1.5, but is \"x\"");
  REQUIRE_THROWS_WITH(payload.flag_or("s", true),
                      "payload: \"s\" must be true or false, but is \"x\"");
  REQUIRE_THROWS_WITH(payload.integer_or("long", 0, 0, 1), Catch::EndsWith("yyy..."));
  REQUIRE_THROWS_WITH(payload.texts("s"), "payload: \"s\" must be a list of strings, but is \"x\"");
}

TEST_CASE("payload: a key nobody asked for is refused", "[sdk]") {
  Payload payload({{"url", "x"}, {"utl", "y"}});
  payload.text("url");
  REQUIRE_THROWS_WITH(payload.finish(), "payload: unknown key \"utl\"; known are: url");
  REQUIRE_THROWS_WITH(Payload(json{{"a", 1}}).finish(),
                      "payload: unknown key \"a\"; this action takes no payload");
}

TEST_CASE("payload: anything but an object is refused", "[sdk]") {
  REQUIRE_THROWS_WITH(Payload(json::array()), "payload must be a JSON object, but is []");
  REQUIRE_THROWS_WITH(Payload("text"), "payload must be a JSON object, but is \"text\"");
}
