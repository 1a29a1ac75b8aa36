// Stored jobs become queue entries: up to queue.capacity of them, the rest waits in the store and
// is fed in as the queue drains (DESIGN section 4). The store says which jobs wait; ZooKeeper may
// be away for any time.
#pragma once

#include <cstddef>
#include <memory>

#include "api/store/store.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/telemetry/metrics.hpp"
#include "common/zookeeper/session.hpp"

namespace jobengine::api::feed {

struct QueueFeedOptions {
  // Entries up to which jobs are pushed in their turn. A job more urgent than the least urgent
  // entry is pushed at once, up to twice as many.
  std::size_t capacity = 10000;
  // How often a full queue is looked at: an `exists`, 0.2 ms of the server.
  runtime::Duration look_again = std::chrono::milliseconds(50);
};

// Lives on the loop. Session, queue, store and metrics must outlive it.
class QueueFeed {
 public:
  QueueFeed(asio::io_context& loop, zookeeper::Session& session, queue::LockingQueue& queue,
            store::Store& store, telemetry::Metrics& metrics, QueueFeedOptions options);
  ~QueueFeed();  // after stop()
  QueueFeed(const QueueFeed&) = delete;
  QueueFeed& operator=(const QueueFeed&) = delete;

  void start();
  // A job was committed that waits for its entry. [any thread]
  void wanted();

  // Begins no more pushes. One under way ends when ZooKeeper answers or its session is closed:
  // close the session between ask_to_stop() and joined().
  void ask_to_stop();
  awaitable<void> joined();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jobengine::api::feed
