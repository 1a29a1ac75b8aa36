// A thread with a stack of our choice, which std::thread does not offer.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <functional>

namespace jobengine::executor {

class SmallThread {
 public:
  // Throws runtime::Failure when the system has no thread for us. `body` must not throw.
  SmallThread(std::size_t stack_size, std::function<void()> body);
  // join() or detach() must have been called.
  ~SmallThread();
  SmallThread(const SmallThread&) = delete;
  SmallThread& operator=(const SmallThread&) = delete;

  void join();
  void detach();

 private:
  pthread_t thread_{};
  bool left_ = false;  // join() or detach() was called
};

}  // namespace jobengine::executor
