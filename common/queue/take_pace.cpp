#include "common/queue/take_pace.hpp"

#include <algorithm>
#include <cstddef>

namespace jobengine::queue {

void TakePace::count(runtime::TimePoint now) {
  advance(now);
  ++quarters_[0];
}

void TakePace::advance(runtime::TimePoint now) {
  const auto passed = (now - began_) / quarter;
  if (passed <= 0) return;
  const auto steps = std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(passed), kept);
  std::shift_right(quarters_.begin(), quarters_.end(), steps);
  std::fill_n(quarters_.begin(), steps, 0);
  began_ += passed * quarter;
}

// What is taken within a quarter of a second, or within a second where that is little: the fewer
// allotments the better, but nobody else takes meanwhile what is set aside.
std::size_t TakePace::soon(runtime::TimePoint now) {
  constexpr std::size_t little = 64;
  advance(now);
  std::size_t second = 0;
  for (std::size_t i = 1; i < kept; ++i) second += quarters_[i];
  return std::max(quarters_[1], std::min(second, little));
}

}  // namespace jobengine::queue
