#include <catch2/catch.hpp>

#include "common/configuration/nearest_name.hpp"
#include "common/configuration/options.hpp"

using namespace jobengine::configuration;
using namespace std::chrono_literals;

TEST_CASE("durations: a whole number with a unit, or seconds", "[options]") {
  REQUIRE(parse_duration("250ms") == 250ms);
  REQUIRE(parse_duration("90s") == 90s);
  REQUIRE(parse_duration("90") == 90s);
  REQUIRE(parse_duration("5m") == 5min);
  REQUIRE(parse_duration("2h") == 2h);
  REQUIRE(parse_duration("1d") == 24h);
  REQUIRE(parse_duration("0") == 0s);
  for (const char* bad : {"", "s", "-1s", "1.5s", "1 s", "1y", "1ss", "soon", "99999999999999d"}) {
    CAPTURE(bad);
    REQUIRE_FALSE(parse_duration(bad));
  }
}

TEST_CASE("addresses: a host and a port, IPv6 in brackets", "[options]") {
  const auto plain = parse_host_and_port("127.0.0.1:8200", "--listen");
  REQUIRE(plain.host == "127.0.0.1");
  REQUIRE(plain.port == 8200);
  REQUIRE(parse_host_and_port("[::1]:0", "--listen").host == "::1");
  REQUIRE(parse_host_and_port("localhost:65535", "--listen").port == 65535);
  for (const char* bad :
       {"", "8200", "host", "host:", ":80", "host:65536", "host:x", "host:-1", "::1:80", "a b:1"}) {
    CAPTURE(bad);
    REQUIRE_THROWS_WITH(parse_host_and_port(bad, "--listen"),
                        Catch::StartsWith("--listen: \"" + std::string(bad) + "\" ") &&
                            Catch::Contains("expected HOST:PORT"));
  }
}

TEST_CASE("names: the nearest is found and the far are left alone", "[options]") {
  REQUIRE(nearest_name("slot", {"slots", "zk-hosts"}) == "slots");
  REQUIRE(nearest_name("zkhosts", {"slots", "zk-hosts"}) == "zk-hosts");
  REQUIRE(nearest_name("banana", {"slots", "zk-hosts"}).empty());
  REQUIRE(nearest_name("x", {"on", "of"}).empty());
}
