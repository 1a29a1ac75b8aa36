// Makes the calls to the engine that block until they are answered, on threads of their own, so
// that the thread of the action goes on listening to its program.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "executor/action_host/descriptor.hpp"

namespace jobengine::executor {

// Lines to be written to the program, as they come. [any thread]
class AnswerLines {
 public:
  // Throws runtime::Failure when the system has no event descriptor for us.
  AnswerLines();
  void put(std::string line);
  std::vector<std::string> take();
  // Readable when there are some.
  int descriptor() const { return event_.number(); }

 private:
  Descriptor event_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

// Its functions are called by one thread.
class CallWorkers {
 public:
  // A call returns the line that answers it.
  using Call = std::function<std::string()>;

  // One thread keeps the order of calls. `answers` must outlive this.
  CallWorkers(AnswerLines& answers, std::size_t most_threads);
  // Returns when every call is answered.
  ~CallWorkers();
  CallWorkers(const CallWorkers&) = delete;
  CallWorkers& operator=(const CallWorkers&) = delete;

  void put(Call call);
  // Calls without an answer yet.
  std::size_t open();

 private:
  void work();

  AnswerLines& answers_;
  const std::size_t most_threads_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;  // guards what is below
  std::condition_variable changed_;
  std::deque<Call> waiting_;
  std::size_t under_way_ = 0;
  bool ending_ = false;
};

}  // namespace jobengine::executor
