// Our LockingQueue and kazoo's on the same tree.
#include "common/runtime/deadline.hpp"
#include "tests/integration/queue/queue_fixture.hpp"
#include "tests/servers/kazoo_peer.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;
using namespace std::chrono_literals;

TEST_CASE("kazoo: what it puts, we take in its order and consume", "[queue][kazoo]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess process(loop, hosts);
    co_await zookeeper::ensure_path(*process.session, "/");
    auto peer = co_await KazooPeer::start(hosts);
    co_await peer.ask("put job/second 50");
    co_await peer.ask("put job/third 50");
    co_await peer.ask("put job/first 5");
    for (const std::string expected : {"job/first", "job/second", "job/third"}) {
      auto entry = co_await process.take();
      REQUIRE(entry.data() == expected);
      const auto done = co_await process.entries->consume(std::move(entry));
      REQUIRE(done == FinishOutcome::Done);
    }
    const auto nothing = co_await peer.ask("get 0.2");
    REQUIRE(nothing == "nothing");
    co_await process.stop_now();
  });
}

TEST_CASE("kazoo: gets, releases and consumes what we put", "[queue][kazoo]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess process(loop, hosts);
    co_await process.entries->put("job/b", 60);
    co_await process.entries->put("job/a", 50);
    auto peer = co_await KazooPeer::start(hosts);
    const auto first = co_await peer.ask("get 20");
    REQUIRE(first == "job/a");
    const auto released = co_await peer.ask("release");
    REQUIRE(released == "True");
    const auto same = co_await peer.ask("get 20");
    REQUIRE(same == "job/a");
    const auto consumed = co_await peer.ask("consume");
    REQUIRE(consumed == "True");
    const auto second = co_await peer.ask("get 20");
    REQUIRE(second == "job/b");
    co_await peer.ask("consume");
    const auto depth = co_await process.entries->depth();
    REQUIRE(depth.entries == 0);
    REQUIRE(depth.taken == 0);
    co_await process.stop_now();
  });
}

TEST_CASE("kazoo: what it holds we do not take, until it lets go", "[queue][kazoo]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess process(loop, hosts);
    co_await process.entries->put("job/held", 50);
    auto peer = co_await KazooPeer::start(hosts);
    const auto held = co_await peer.ask("get 20");
    REQUIRE(held == "job/held");
    co_await process.entries->put("job/free", 60);
    auto other = co_await process.take();
    REQUIRE(other.data() == "job/free");
    auto attempt = runtime::until(runtime::Clock::now() + 500ms, process.take());
    const auto nothing = co_await std::move(attempt);
    REQUIRE_FALSE(nothing);
    const auto holders = co_await process.entries->holders();
    REQUIRE(holders.size() == 2);
    co_await peer.ask("release");
    // The take given up above goes on, and gets it.
    const bool taken =
        co_await eventually([&] { return process.session->calls(Call::Multi) >= 4; });
    REQUIRE(taken);
    co_await process.entries->consume(std::move(other));
    process.stop.raise();
    co_await process.stop_now();
  });
}

TEST_CASE("kazoo: what we hold it does not get, and a killed peer's entry comes back",
          "[queue][kazoo]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess process(loop, hosts);
    co_await process.entries->put("job/1", 50);
    auto entry = co_await process.take();
    auto peer = co_await KazooPeer::start(hosts);
    const auto nothing = co_await peer.ask("get 0.3");
    REQUIRE(nothing == "nothing");
    co_await process.entries->release(std::move(entry), runtime::Clock::now() + 3s);
    const auto got = co_await peer.ask("get 20");
    REQUIRE(got == "job/1");
    peer.kill();
    auto again = co_await process.take();
    REQUIRE(again.data() == "job/1");
    // kazoo's take does not count.
    REQUIRE(again.attempt() == 2);
    co_await process.entries->consume(std::move(again));
    co_await process.stop_now();
  });
}
