#include "executor/finishing.hpp"

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

bool Finishing::begin() {
  if (count_ >= most_) return false;
  ++count_;
  return true;
}

void Finishing::end() {
  JE_CHECK(count_ > 0, "what ends has begun");
  --count_;
  ended_.raise();
}

awaitable<void> Finishing::one_ends(runtime::Event& stop) {
  ended_.reset();
  co_await runtime::Event::wait_either(ended_, stop, runtime::TimePoint::max());
}

}  // namespace jobengine::executor
