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
    const auto limit = size <= little ? budget_.limit_ + budget_.limit_ / 4 : budget_.limit_;
    auto before = budget_.held_.load();
    do {
      if (before + more > limit && before > held_) return false;
    } while (!budget_.held_.compare_exchange_weak(before, before + more));
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
  // So much has a quarter of the limit beyond it for itself: whoever fills the rest keeps nobody
  // from small requests and answers.
  static constexpr std::size_t little = 64U * 1024;

  MemoryBudget& budget_;
  std::size_t held_ = 0;
};

}  // namespace jobengine::api::http
