#include "executor/hosts/small_thread.hpp"

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

using Body = std::function<void()>;

extern "C" void* run_body(void* given) {
  const std::unique_ptr<Body> body(static_cast<Body*>(given));
  (*body)();
  return nullptr;
}

}  // namespace

SmallThread::SmallThread(std::size_t stack_size, Body body) {
  auto given = std::make_unique<Body>(std::move(body));
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  int error = ::pthread_attr_setstacksize(&attributes, stack_size);
  if (error == 0) error = ::pthread_create(&thread_, &attributes, run_body, given.get());
  ::pthread_attr_destroy(&attributes);
  if (error != 0) {
    throw runtime::Failure(std::string("cannot start a thread: ") + std::strerror(error));
  }
  [[maybe_unused]] Body* const its = given.release();
}

SmallThread::~SmallThread() {
  JE_CHECK(left_, "join() or detach() was called");
}

void SmallThread::join() {
  ::pthread_join(thread_, nullptr);
  left_ = true;
}

void SmallThread::detach() {
  ::pthread_detach(thread_);
  left_ = true;
}

}  // namespace jobengine::executor
