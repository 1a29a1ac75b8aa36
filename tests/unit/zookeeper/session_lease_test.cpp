#include "common/zookeeper/session_lease.hpp"

#include <catch2/catch.hpp>

using namespace jobengine::zookeeper;
using namespace std::chrono_literals;

TEST_CASE("lease: valid for two thirds of the timeout after what was answered was sent",
          "[zookeeper]") {
  SessionLease lease;
  const LeaseTime start(1000s);
  REQUIRE(lease.valid_until() == LeaseTime::min());
  REQUIRE_FALSE(lease.valid(start));
  lease.renew(start, 30s);
  REQUIRE(lease.valid_until() == start + 20s);
  REQUIRE(lease.valid(start + 20s - 1ns));
  REQUIRE_FALSE(lease.valid(start + 20s));
}

TEST_CASE("lease: the answer to an older request does not shorten it", "[zookeeper]") {
  SessionLease lease;
  const LeaseTime start(1000s);
  lease.renew(start + 5s, 30s);
  lease.renew(start, 30s);
  REQUIRE(lease.valid_until() == start + 25s);
}

TEST_CASE("lease: ends with the epoch", "[zookeeper]") {
  SessionLease lease;
  lease.renew(LeaseTime(1000s), 30s);
  lease.end();
  REQUIRE_FALSE(lease.valid(LeaseTime(1000s)));
  lease.renew(LeaseTime(2000s), 3s);
  REQUIRE(lease.valid_until() == LeaseTime(2002s));
}

TEST_CASE("lease: its clock goes on", "[zookeeper]") {
  const auto before = LeaseClock::now();
  REQUIRE(LeaseClock::now() >= before);
  REQUIRE(before > LeaseTime());
}
