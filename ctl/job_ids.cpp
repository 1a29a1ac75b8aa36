#include "ctl/job_ids.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace jobengine::ctl {

std::string JobIds::next() {
  // Milliseconds, and 12 bits that count within one.
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
  last_ = std::max(static_cast<std::uint64_t>(now) << 12U, last_ + 1);
  const std::uint64_t chance = (std::uint64_t{random_()} << 32U) | random_();
  std::array<char, 64> text{};
  std::snprintf(
      text.data(), text.size(), "job/%08x-%04x-7%03x-%04x-%012llx",
      static_cast<unsigned>(last_ >> 28U), static_cast<unsigned>((last_ >> 12U) & 0xFFFFU),
      static_cast<unsigned>(last_ & 0xFFFU), static_cast<unsigned>(0x8000U | (chance >> 50U)),
      static_cast<unsigned long long>(chance & 0xFFFFFFFFFFFFULL));
  return text.data();
}

}  // namespace jobengine::ctl
