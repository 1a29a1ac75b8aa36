// A queue on a session of its own: one process, as far as ZooKeeper can tell.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "common/queue/locking_queue.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "tests/fakes/faulty_session.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {

inline queue::QueueOptions strict_order() {
  queue::QueueOptions options;
  options.head_window = 1;
  return options;
}

struct QueueProcess {
  QueueProcess(asio::io_context& loop, const std::string& hosts,
               const queue::QueueOptions& options = strict_order()) {
    auto session_options = zookeeper::parse_hosts({hosts});
    session_options.timeout = std::chrono::seconds(4);
    real = zookeeper::make_session(loop, session_options);
    session = std::make_unique<FaultySession>(*real);
    entries = std::make_unique<queue::LockingQueue>(*session, options);
  }

  // Takes the next entry, which must come soon.
  awaitable<queue::TakenEntry> take() {
    auto taken = co_await entries->take(stop);
    if (!taken) throw std::runtime_error("nothing was taken");
    co_return std::move(*taken);
  }
  awaitable<void> stop_now() {
    entries.reset();
    return real->close();
  }

  std::unique_ptr<zookeeper::Session> real;
  std::unique_ptr<FaultySession> session;
  std::unique_ptr<queue::LockingQueue> entries;
  runtime::Event stop;
};

}  // namespace jobengine::tests
