// The one pacing of retries: exponential, bounded, with jitter.
#pragma once

#include <cstdint>
#include <optional>
#include <random>

#include "common/runtime/asio.hpp"

namespace jobengine::runtime {

struct BackoffLimits {
  Duration first = std::chrono::milliseconds(100);
  Duration longest = std::chrono::seconds(30);
  double factor = 2.0;
  double jitter =
      0.4;  // each delay is shortened by up to this share, so that a fleet does not march in step
};

// Another one with each call, and in each process; no syscall, unlike std::random_device. [any
// thread]
std::uint64_t fresh_seed();

// Pure: no clock, no I/O.
class Backoff {
 public:
  explicit Backoff(BackoffLimits limits, std::uint64_t seed = fresh_seed());

  // The delay before the next try; grows with every call.
  Duration next();
  // After a success: the next delay is the first again.
  void reset() { tries_ = 0; }
  unsigned tries() const { return tries_; }

 private:
  BackoffLimits limits_;
  std::uint64_t seed_;
  std::optional<std::mt19937_64>
      random_;  // made with the first delay: most are never asked for one
  unsigned tries_ = 0;
};

}  // namespace jobengine::runtime
