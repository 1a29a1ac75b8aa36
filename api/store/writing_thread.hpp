// The one thread that writes: takes everything that is queued, applies it in one transaction,
// commits with one fsync, and tells each caller. While it commits the next batch gathers. Writes of
// many documents take turns with all others: none of these waits for more than one of those.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "api/store/handed_over.hpp"
#include "api/store/resource_writer.hpp"
#include "api/store/write_health.hpp"

namespace jobengine::api::store {

struct Write {
  // May run several times: when another write of the batch fails, the transaction is repeated.
  // Never again once its caller was told to end alone.
  std::function<void(ResourceWriter&)> apply;
  // Asked whether the write is still wanted before it is first applied, and told of its end, on the
  // writing thread: after the commit, or with what failed.
  std::shared_ptr<HandedOver> caller;
  bool begun = false;
  // How many documents it writes. One of many gets a transaction of its own.
  std::size_t documents = 1;
};

class WritingThread {
 public:
  WritingThread(std::unique_ptr<Connection> connection, std::size_t most_waiting,
                WriteHealth& health);
  // Finishes what is queued.
  ~WritingThread();
  WritingThread(const WritingThread&) = delete;
  WritingThread& operator=(const WritingThread&) = delete;

  void observe(CommitObserver observer);  // before the first write
  // Throws StoreUnavailable when too many wait. [any thread]
  void enqueue(Write write);

 private:
  void run();
  // What is to be written next, when there is something. False: the end.
  bool next(std::vector<Write>& batch);
  std::size_t waiting() const { return queue_.size() + large_.size(); }
  void write_batch(std::vector<Write>& batch);
  // One attempt. False when a write failed by itself (its failure is noted): without it, the rest
  // can be tried again. Throws when nothing can be written.
  bool attempt(std::vector<Write>& batch, std::vector<std::exception_ptr>& failures);
  // In a transaction of its own, between those that somebody waits for.
  void sweep_logs();
  // Nothing was written for a while: memory goes back to the system, once.
  void rest();
  // Finds out whether writing works again while nobody writes.
  void probe();

  // Only the writing thread touches these.
  const std::unique_ptr<Connection> connection_;
  ResourceWriter writer_;
  CommitObserver observer_;
  std::int64_t probes_ = 0;
  int idle_rounds_ = 0;  // since something was written

  const std::size_t most_waiting_;
  WriteHealth& health_;

  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::vector<Write> queue_;
  std::deque<Write> large_;
  bool large_last_ = false;  // the batch before was one of these
  bool stopping_ = false;

  std::thread thread_;  // last: it uses everything above
};

}  // namespace jobengine::api::store
