#include "common/runtime/backoff.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace jobengine::runtime {

std::uint64_t fresh_seed() {
  // splitmix64: neighbouring numbers become seeds that have nothing in common.
  static const std::uint64_t start =
      (std::uint64_t{std::random_device{}()} << 32U) ^ std::uint64_t{std::random_device{}()};
  static std::atomic<std::uint64_t> calls{0};
  constexpr std::uint64_t step = 0x9e3779b97f4a7c15;
  std::uint64_t mixed = start + step * ++calls;
  mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31U);
}

Backoff::Backoff(BackoffLimits limits, std::uint64_t seed) : limits_(limits), seed_(seed) {}

Duration Backoff::next() {
  using Seconds = std::chrono::duration<double>;
  const double grown =
      Seconds(limits_.first).count() * std::pow(limits_.factor, std::min(tries_, 60U));
  const double bounded = std::min(grown, Seconds(limits_.longest).count());
  std::uniform_real_distribution<double> share(1.0 - limits_.jitter, 1.0);
  ++tries_;
  if (!random_) random_.emplace(seed_);
  return std::chrono::duration_cast<Duration>(Seconds(bounded * share(*random_)));
}

}  // namespace jobengine::runtime
