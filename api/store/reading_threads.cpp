#include "api/store/reading_threads.hpp"

#include <algorithm>

namespace jobengine::api::store {

ReadingThreads::ReadingThreads(std::string file, const ReadingLimits& limits)
    : file_(std::move(file)), limits_(limits) {
  for (int i = 0; i <= limits.threads; ++i) {
    threads_.emplace_back([this, searches = i > 0] { serve(searches); });
  }
}

ReadingThreads::~ReadingThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& caller : running_) caller->give_up();
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

awaitable<void> ReadingThreads::run(Purpose purpose, Work work) {
  const runtime::Executor executor = co_await asio::this_coro::executor;
  const auto caller = std::make_shared<HandedOver>(executor);
  enqueue(purpose, {std::move(work), caller});
  HandedOver::Patience patience;
  if (purpose == Purpose::Search) patience.beginning = limits_.longest_wait;
  const auto outcome = co_await caller->finished(patience);
  if (outcome == HandedOver::Outcome::Done) co_return;
  throw StoreUnavailable(StoreUnavailable::Cause::Busy,
                         "The search has waited " + std::to_string(limits_.longest_wait.count()) +
                             " s for others to end and was given up. Try again later.");
}

void ReadingThreads::enqueue(Purpose purpose, Queued queued) {
  const bool refusable = purpose == Purpose::Search;
  {
    const std::lock_guard lock(mutex_);
    if (refusable && searches_.size() >= limits_.most_waiting) {
      std::erase_if(searches_, [](const Queued& one) -> bool { return one.caller->given_up(); });
    }
    if (refusable && searches_.size() >= limits_.most_waiting) {
      throw StoreUnavailable(
          StoreUnavailable::Cause::Busy,
          "Too many searches wait: " + std::to_string(searches_.size()) + ". Try again later.");
    }
    (purpose == Purpose::Engine ? engine_ : searches_).push_back(std::move(queued));
  }
  // All: the one thread that only serves the engine may be the one that wakes.
  changed_.notify_all();
}

std::optional<ReadingThreads::Queued> ReadingThreads::next(bool searches,
                                                           const std::function<void()>& rest) {
  const auto wanted = [&] {
    return stopping_ || !engine_.empty() || (searches && !searches_.empty());
  };
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, limits_.idle, wanted)) {
    lock.unlock();
    rest();
    lock.lock();
    changed_.wait(lock, wanted);
  }
  if (stopping_) return std::nullopt;
  auto& queue = engine_.empty() ? searches_ : engine_;
  auto taken = std::move(queue.front());
  queue.pop_front();
  running_.push_back(taken.caller);
  return taken;
}

void ReadingThreads::serve(bool searches) {
  std::unique_ptr<ResourceReader> reader;
  const auto rest = [&reader] {
    if (reader) reader->release_memory();
  };
  while (auto taken = next(searches, rest)) {
    std::exception_ptr failure;
    if (taken->caller->begin()) {
      try {
        if (!reader) reader = open_reader(file_, limits_.cache);
        taken->work(*reader, taken->caller->given_up());
      } catch (...) {
        failure = std::current_exception();
      }
    }
    {
      const std::lock_guard lock(mutex_);
      std::erase(running_, taken->caller);
    }
    taken->work = nullptr;  // what it holds is the caller's, and goes before the caller goes on
    taken->caller->finish(failure);
  }
}

}  // namespace jobengine::api::store
