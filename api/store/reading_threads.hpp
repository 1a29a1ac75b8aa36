// The threads that search, each with a reading connection of its own, so that no search holds up
// the loops that serve connections.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "api/store/handed_over.hpp"
#include "api/store/resource_reader.hpp"

namespace jobengine::api::store {

struct ReadingLimits {
  int threads = 2;                // for searches; one more is kept for the engine's own reads
  std::size_t most_waiting = 64;  // searches; one more is refused
  std::chrono::seconds longest_wait{10};  // until a search begins
  std::int64_t cache = 4 * 1024 * 1024;   // bytes, of each thread
  std::chrono::seconds idle{5};           // then a thread's cache is emptied
};

class ReadingThreads {
 public:
  enum class Purpose {
    Search,  // asked for by a client: refused when too many wait, or after a while
    Bulk,    // a step of a bulk change: waits its turn among the searches
    Engine,  // the queue's feed: never behind the others
  };
  // Runs on a reading thread. `given_up` turns true when nobody waits for it any more.
  using Work = std::function<void(ResourceReader& reader, const std::atomic<bool>& given_up)>;

  ReadingThreads(std::string file, const ReadingLimits& limits);
  // Interrupts what runs; what waits is dropped.
  ~ReadingThreads();
  ReadingThreads(const ReadingThreads&) = delete;
  ReadingThreads& operator=(const ReadingThreads&) = delete;

  // Resumes on the caller's loop when the work is done, rethrows what it threw. Throws
  // StoreUnavailable when too many wait or it has waited too long.
  awaitable<void> run(Purpose purpose, Work work);

 private:
  struct Queued {
    Work work;
    std::shared_ptr<HandedOver> caller;
  };

  void enqueue(Purpose purpose, Queued queued);
  // What the thread does next; nothing: the end. `rest` is called once when there is nothing to do
  // for a while.
  std::optional<Queued> next(bool searches, const std::function<void()>& rest);
  void serve(bool searches);

  const std::string file_;
  const ReadingLimits limits_;

  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::deque<Queued> searches_;
  std::deque<Queued> engine_;
  std::vector<std::shared_ptr<HandedOver>> running_;
  bool stopping_ = false;

  std::vector<std::thread> threads_;  // last: they use everything above
};

}  // namespace jobengine::api::store
