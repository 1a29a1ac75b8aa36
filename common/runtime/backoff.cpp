#include "common/runtime/backoff.hpp"

#include <algorithm>
#include <cmath>

namespace jobengine::runtime {

Backoff::Backoff(BackoffLimits limits, std::uint64_t seed) : limits_(limits), random_(seed) {}

Duration Backoff::next() {
  using Seconds = std::chrono::duration<double>;
  const double grown =
      Seconds(limits_.first).count() * std::pow(limits_.factor, std::min(tries_, 60U));
  const double bounded = std::min(grown, Seconds(limits_.longest).count());
  std::uniform_real_distribution<double> share(1.0 - limits_.jitter, 1.0);
  ++tries_;
  return std::chrono::duration_cast<Duration>(Seconds(bounded * share(random_)));
}

}  // namespace jobengine::runtime
