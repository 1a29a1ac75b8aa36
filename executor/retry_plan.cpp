#include "executor/retry_plan.hpp"

#include <algorithm>

namespace jobengine::executor {

namespace {

using std::chrono::milliseconds;

// What an action may ask for; more is a mistake, and no clock shall overflow by it.
constexpr milliseconds longest_wish = std::chrono::hours(24 * 365);

}  // namespace

milliseconds retry_delay(const RetrySituation& situation, milliseconds floor) {
  const milliseconds longest =
      std::clamp(situation.policy.longest_delay, milliseconds(0), milliseconds(longest_wish));
  milliseconds delay = std::clamp(situation.policy.first_delay, milliseconds(0), longest);
  for (std::int32_t i = 0; i < situation.done && delay < longest && delay.count() > 0; ++i) {
    delay = std::min(delay * 2, longest);
  }
  const double share = 0.5 + std::clamp(situation.chance, 0.0, 1.0) / 2;
  const milliseconds drawn(static_cast<std::int64_t>(static_cast<double>(delay.count()) * share));
  return std::max(drawn, std::clamp(floor, milliseconds(0), milliseconds(longest_wish)));
}

std::string delay_text(milliseconds delay) {
  if (delay < std::chrono::seconds(1)) return std::to_string(delay.count()) + " ms";
  const auto rounded = std::chrono::round<std::chrono::seconds>(delay);
  return std::to_string(rounded.count()) + " s";
}

}  // namespace jobengine::executor
