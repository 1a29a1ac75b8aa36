#include "api/access/login_limits.hpp"

#include <catch2/catch.hpp>

namespace jobengine::api::access {
namespace {

using std::chrono::seconds;

const runtime::TimePoint begin = runtime::Clock::now();

TEST_CASE("login limits: the wait doubles with each failure, up to a quarter of an hour", "[api]") {
  LoginLimits limits;
  for (int count = 0; count < 9; ++count) limits.failed("jane", "192.0.2.1", begin);
  CHECK(limits.wait_of("jane", "192.0.2.1", begin) == seconds(0));
  int expected = 10;
  for (int count = 0; count < 20; ++count) {
    limits.failed("jane", "192.0.2.1", begin);
    CHECK(limits.wait_of("jane", "192.0.2.1", begin) == seconds(expected));
    expected = std::min(expected * 2, 900);
  }
  CHECK(limits.wait_of("jane", "192.0.2.2", begin) == seconds(900));
  CHECK(limits.wait_of("john", "192.0.2.1", begin) == seconds(0));
  CHECK(limits.wait_of("jane", "192.0.2.1", begin + seconds(899)) == seconds(1));
  CHECK(limits.wait_of("jane", "192.0.2.1", begin + seconds(900)) == seconds(0));
}

TEST_CASE("login limits: failures are forgotten after five quiet minutes", "[api]") {
  LoginLimits limits;
  for (int count = 0; count < 9; ++count) limits.failed("jane", "", begin);
  limits.failed("jane", "", begin + seconds(300));
  CHECK(limits.wait_of("jane", "", begin + seconds(300)) == seconds(0));
  for (int count = 0; count < 9; ++count) limits.failed("jane", "", begin + seconds(301));
  CHECK(limits.wait_of("jane", "", begin + seconds(301)) == seconds(10));
  // The time of waiting itself is not quiet.
  limits.failed("jane", "", begin + seconds(320));
  CHECK(limits.wait_of("jane", "", begin + seconds(320)) == seconds(20));
}

TEST_CASE("login limits: a success clears the name, not the address", "[api]") {
  LoginLimits limits;
  for (int count = 0; count < 29; ++count) limits.failed("jane", "192.0.2.1", begin);
  limits.succeeded("jane");
  CHECK(limits.wait_of("jane", "192.0.2.1", begin) == seconds(0));
  limits.failed("john", "192.0.2.1", begin);
  CHECK(limits.wait_of("jane", "192.0.2.1", begin) == seconds(10));
  CHECK(limits.wait_of("jane", "192.0.2.2", begin) == seconds(0));
}

TEST_CASE("login limits: a network of IPv6 addresses is one sender", "[api]") {
  LoginLimits limits;
  for (int count = 0; count < 30; ++count) {
    limits.failed(std::to_string(count), "2001:db8::" + std::to_string(count), begin);
  }
  CHECK(limits.wait_of("x", "2001:db8::ffff:1", begin) == seconds(10));
  CHECK(limits.wait_of("x", "2001:db8:0:1::1", begin) == seconds(0));
}

TEST_CASE("login limits: the memory is bounded, those seen last are kept", "[api]") {
  LoginLimitOptions options;
  options.most_remembered = 100;
  FailureCounts counts(1, options);
  counts.failed("victim", begin);
  for (int count = 0; count < 1000; ++count) {
    counts.failed("name-" + std::to_string(count), begin);
    CHECK(counts.wait_of("victim", begin) == seconds(10));  // being asked for keeps it
    REQUIRE(counts.size() <= 100);
  }
  CHECK(counts.wait_of("name-0", begin) == seconds(0));
  CHECK(counts.wait_of("name-999", begin) == seconds(10));
}

}  // namespace
}  // namespace jobengine::api::access
