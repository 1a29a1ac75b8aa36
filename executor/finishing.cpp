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
  changed_.raise();
}

awaitable<void> Finishing::changes(runtime::Event& stop) {
  changed_.reset();
  co_await runtime::Event::wait_either(changed_, stop, runtime::TimePoint::max());
}

}  // namespace jobengine::executor
