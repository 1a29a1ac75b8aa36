// The one thread that writes: takes everything that is queued, applies it in one transaction,
// commits with one fsync, and tells each caller. While it commits the next batch gathers.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "api/store/resource_writer.hpp"

namespace jobengine::api::store {

struct Write {
  // May run several times: when another write of the batch fails, the transaction is repeated.
  std::function<void(ResourceWriter&)> apply;
  // Called once, on the writing thread, after the commit or with what failed.
  std::function<void(std::exception_ptr)> complete;
};

class WritingThread {
 public:
  explicit WritingThread(std::unique_ptr<Connection> connection);
  // Finishes what is queued.
  ~WritingThread();
  WritingThread(const WritingThread&) = delete;
  WritingThread& operator=(const WritingThread&) = delete;

  void observe(CommitObserver observer);  // before the first write
  void enqueue(Write write);              // [any thread]

 private:
  void run();
  void write_batch(std::vector<Write>& batch);
  // One attempt. False when a write failed by itself (its failure is noted): without it, the rest
  // can be tried again. Throws when nothing can be written.
  bool attempt(std::vector<Write>& batch, std::vector<std::exception_ptr>& failures);
  // In a transaction of its own, between those that somebody waits for.
  void sweep_logs();

  // Only the writing thread touches these.
  const std::unique_ptr<Connection> connection_;
  ResourceWriter writer_;
  CommitObserver observer_;

  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::vector<Write> queue_;
  bool stopping_ = false;

  std::thread thread_;  // last: it uses everything above
};

}  // namespace jobengine::api::store
