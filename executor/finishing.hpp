// Runs whose action has ended, and whose outcome is on its way to the API and the queue. They hold
// their lock and no slot.
#pragma once

#include <cstddef>

#include "common/runtime/event.hpp"

namespace jobengine::executor {

// Lives on the loop.
class Finishing {
 public:
  explicit Finishing(std::size_t most) : most_(most) {}

  // False: there are as many as there may be, and the run stays where it is.
  bool begin();
  void end();
  std::size_t count() const { return count_; }
  // Returns after the end of one, after look_again(), or when `stop` is raised.
  awaitable<void> changes(runtime::Event& stop);
  // What they wait for may be there again.
  void look_again() { changed_.raise(); }

 private:
  std::size_t most_;
  std::size_t count_ = 0;
  runtime::Event changed_;
};

}  // namespace jobengine::executor
