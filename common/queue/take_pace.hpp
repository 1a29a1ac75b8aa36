// How many entries a process takes: a guess at how many it will take next. Pure.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

#include "common/runtime/asio.hpp"

namespace jobengine::queue {

class TakePace {
 public:
  void count(runtime::TimePoint now);
  // What it takes within a quarter of a second, or within a second where that is little.
  std::size_t soon(runtime::TimePoint now);

 private:
  static constexpr auto quarter = std::chrono::milliseconds(250);
  static constexpr std::size_t kept = 5;  // the present one, and a second

  void advance(runtime::TimePoint now);

  std::array<std::size_t, kept> quarters_{};
  runtime::TimePoint began_;
};

}  // namespace jobengine::queue
