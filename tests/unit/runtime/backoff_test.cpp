#include "common/runtime/backoff.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace jobengine::runtime;

TEST_CASE("backoff: delays grow to the longest and start anew after a success", "[runtime]") {
  BackoffLimits limits;
  limits.first = 100ms;
  limits.longest = 1s;
  limits.jitter = 0.0;
  Backoff backoff(limits, 1);
  REQUIRE(backoff.next() == 100ms);
  REQUIRE(backoff.next() == 200ms);
  REQUIRE(backoff.next() == 400ms);
  REQUIRE(backoff.next() == 800ms);
  REQUIRE(backoff.next() == 1s);
  for (int i = 0; i < 2000; ++i) REQUIRE(backoff.next() == 1s);
  backoff.reset();
  REQUIRE(backoff.next() == 100ms);
}

TEST_CASE("backoff: jitter only shortens, and within its share", "[runtime]") {
  BackoffLimits limits;
  limits.first = 100ms;
  limits.longest = 100ms;
  limits.jitter = 0.4;
  Backoff backoff(limits, 7);
  for (int i = 0; i < 1000; ++i) {
    const auto delay = backoff.next();
    REQUIRE(delay <= 100ms);
    REQUIRE(delay >= 60ms);
  }
}
