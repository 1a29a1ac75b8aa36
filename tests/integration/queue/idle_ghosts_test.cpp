// Members of the idle line that do not know that they are: made by a create whose answer was lost.
#include <set>

#include "tests/integration/queue/queue_fixture.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;
using namespace std::chrono_literals;

namespace {

awaitable<std::vector<std::string>> line(QueueProcess& observer) {
  const auto listing = co_await observer.session->children("/job/idle", nullptr);
  co_return listing.names;
}

// Consumes at once what it gets.
awaitable<void> serve(QueueProcess& process, std::multiset<std::string>& done,
                      runtime::Event& ended) {
  for (;;) {
    auto entry = co_await process.entries->take(process.stop);
    if (!entry) break;
    const std::string data = entry->data();
    co_await process.entries->consume(std::move(*entry));
    done.insert(data);
  }
  ended.raise();
}

// All that a process would make itself: its first create is the one in the line.
awaitable<void> make_folders(QueueProcess& observer) {
  for (const char* folder : {"/job/entries", "/job/taken", "/job/idle"}) {
    co_await zookeeper::ensure_path(*observer.session, folder);
  }
}

// So many creates in the line, whatever became of them.
bool joined(const QueueProcess& process, std::size_t times) {
  return process.session->calls(Call::Create) >= times;
}

}  // namespace

TEST_CASE("idle ghosts: who has joined without knowing it is found whatever else gets lost",
          "[queue][zookeeper]") {
  struct Trouble {
    Call call;
    Lost lost;
  };
  const auto trouble =
      GENERATE(Trouble{Call::Sync, Lost::Request}, Trouble{Call::Get, Lost::Answer},
               Trouble{Call::Get, Lost::Request}, Trouble{Call::Remove, Lost::Answer},
               Trouble{Call::Remove, Lost::Request});
  const std::size_t lost = GENERATE(std::size_t{1}, std::size_t{2});
  run_on_loop([trouble, lost](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess observer(loop, hosts);
    co_await make_folders(observer);
    QueueProcess process(loop, hosts);
    for (std::size_t i = 0; i < lost; ++i) process.session->lose_next(Call::Create, Lost::Answer);
    process.session->lose_next(trouble.call, trouble.lost);
    std::multiset<std::string> done;
    runtime::Event ended;
    asio::co_spawn(loop, serve(process, done, ended), [](std::exception_ptr) {});
    const bool stands = co_await eventually([&] { return joined(process, lost + 1); });
    REQUIRE(stands);
    // What is there once it knows of itself is itself: served without anybody looking by itself.
    for (std::size_t i = 0; i < 3; ++i) {
      co_await observer.entries->put("job/" + std::to_string(i), 999);
      const bool served = co_await eventually([&] { return done.size() == i + 1; });
      REQUIRE(served);
    }
    const auto names = co_await line(observer);
    CHECK(names.size() <= 1);
    process.stop.raise();
    co_await ended.wait();
    // Its own place is given up, and there is nobody else.
    std::size_t left = 1;
    const auto deadline = runtime::Clock::now() + 10s;
    while (left != 0 && runtime::Clock::now() < deadline) {
      const auto still = co_await line(observer);
      left = still.size();
      co_await runtime::pause(10ms, observer.stop);
    }
    CHECK(left == 0);
    co_await process.stop_now();
    co_await observer.stop_now();
  });
}

TEST_CASE("idle ghosts: what other members leave behind is not touched", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess observer(loop, hosts);
    co_await make_folders(observer);
    const auto other = co_await observer.session->create(
        "/job/idle/idle-", "somebody else", zookeeper::CreateMode::EphemeralSequential);
    QueueProcess process(loop, hosts);
    process.session->lose_next(Call::Create, Lost::Answer);
    std::multiset<std::string> done;
    runtime::Event ended;
    asio::co_spawn(loop, serve(process, done, ended), [](std::exception_ptr) {});
    const bool stands = co_await eventually([&] { return joined(process, 2); });
    REQUIRE(stands);
    co_await observer.entries->put("job/1", 999);
    const bool served = co_await eventually([&] { return done.size() == 1; });
    REQUIRE(served);
    const auto there = co_await observer.session->exists(other.path, nullptr);
    CHECK(there.error == zookeeper::ZnodeError::Ok);
    process.stop.raise();
    co_await ended.wait();
    co_await process.stop_now();
    co_await observer.stop_now();
  });
}

TEST_CASE("idle ghosts: who cannot see the one before it does not take itself for the first",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess observer(loop, hosts);
    co_await make_folders(observer);
    const auto frozen = co_await observer.session->create(
        "/job/idle/idle-", "frozen", zookeeper::CreateMode::EphemeralSequential);
    REQUIRE(frozen.error == zookeeper::ZnodeError::Ok);
    QueueProcess process(loop, hosts);
    // Right after it has joined: what is before it, and the listing for want of that.
    process.session->before_next(Call::Create, [&process](zookeeper::Session&) {
      for (int i = 0; i < 2; ++i) process.session->lose_next(Call::Exists, Lost::Answer);
      process.session->lose_next(Call::Children, Lost::Answer);
    });
    std::multiset<std::string> done;
    runtime::Event ended;
    asio::co_spawn(loop, serve(process, done, ended), [](std::exception_ptr) {});
    const bool stands = co_await eventually([&] { return joined(process, 1); });
    REQUIRE(stands);
    co_await observer.entries->put("job/1", 999);
    const bool served = co_await eventually([&] { return done.size() == 1; });
    REQUIRE(served);
    // By its own look: the watches are the first one's.
    CHECK(process.entries->counters().wake_ups == 0);
    process.stop.raise();
    co_await ended.wait();
    co_await process.stop_now();
    co_await observer.stop_now();
  });
}
