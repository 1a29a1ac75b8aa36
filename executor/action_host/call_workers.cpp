#include "executor/action_host/call_workers.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

AnswerLines::AnswerLines() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_.open()) {
    throw runtime::Failure(std::string("cannot make an event descriptor: ") + std::strerror(errno));
  }
}

void AnswerLines::put(std::string line) {
  const std::lock_guard lock(mutex_);
  lines_.push_back(std::move(line));
  const std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(event_.number(), &one, sizeof one);
}

std::vector<std::string> AnswerLines::take() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count = 0;
  [[maybe_unused]] auto size = ::read(event_.number(), &count, sizeof count);
  return std::exchange(lines_, {});
}

CallWorkers::CallWorkers(AnswerLines& answers, std::size_t most_threads)
    : answers_(answers), most_threads_(most_threads) {}

CallWorkers::~CallWorkers() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void CallWorkers::put(Call call) {
  bool all_busy = false;
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(call));
    all_busy = waiting_.size() + under_way_ > threads_.size();
    changed_.notify_one();
  }
  if (all_busy && threads_.size() < most_threads_) threads_.emplace_back([this] { work(); });
}

std::size_t CallWorkers::open() {
  const std::lock_guard lock(mutex_);
  return waiting_.size() + under_way_;
}

void CallWorkers::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    const Call call = std::move(waiting_.front());
    waiting_.pop_front();
    ++under_way_;
    lock.unlock();
    std::string line = call();
    lock.lock();
    // Under the lock: who sees no open call must find its answer.
    --under_way_;
    answers_.put(std::move(line));
  }
}

}  // namespace jobengine::executor
