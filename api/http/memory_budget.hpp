// How much the bodies of requests that are still arriving, and of answers that are still being
// read, may take together.
#pragma once

#include <atomic>
#include <cstddef>

namespace jobengine::api::http {

// [any thread]
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t limit) : limit_(limit) {}

 private:
  friend class HeldMemory;
  const std::size_t limit_;
  std::atomic<std::size_t> held_{0};
};

// One body's part of it, given back at its end.
class HeldMemory {
 public:
  explicit HeldMemory(MemoryBudget& budget) : budget_(budget) {}
  ~HeldMemory() { budget_.held_ -= held_; }
  HeldMemory(const HeldMemory&) = delete;
  HeldMemory& operator=(const HeldMemory&) = delete;

  // False when it cannot be that much; nothing changes then. Who is alone may have any amount.
  bool grow_to(std::size_t size) {
    if (size <= held_) return true;
    const auto more = size - held_;
    const auto before = budget_.held_.fetch_add(more);
    if (before + more > budget_.limit_ && before > held_) {
      budget_.held_ -= more;
      return false;
    }
    held_ = size;
    return true;
  }

  // Gives back what is beyond that.
  void shrink_to(std::size_t size) {
    if (size >= held_) return;
    budget_.held_ -= held_ - size;
    held_ = size;
  }

 private:
  MemoryBudget& budget_;
  std::size_t held_ = 0;
};

}  // namespace jobengine::api::http
