// Entries and locks that change under us.
#include "common/runtime/deadline.hpp"
#include "tests/integration/queue/queue_fixture.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;

TEST_CASE("queue: an entry deleted between reading and locking it leaves no lock behind",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    const auto put = co_await process.entries->put("job/gone", 50);
    process.session->before_next(
        Call::Multi, [path = put.path](zookeeper::Session& session) { session.remove(path, -1); });
    auto waiting = process.entries->take(process.stop);
    auto bounded =
        runtime::until(runtime::Clock::now() + std::chrono::seconds(1), std::move(waiting));
    const auto nothing = co_await std::move(bounded);
    REQUIRE_FALSE(nothing);
    REQUIRE(process.session->calls(Call::Multi) >= 2);
    const auto depth = co_await process.entries->depth();
    REQUIRE(depth.entries == 0);
    REQUIRE(depth.taken == 0);
    process.stop.raise();
    co_await process.stop_now();
  });
}

TEST_CASE("queue: an entry consumed meanwhile leaves no lock behind", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess process(loop, hosts);
    QueueProcess other(loop, hosts);
    for (int i = 0; i < 20; ++i) co_await other.entries->put("job/" + std::to_string(i), 50);
    auto first = co_await process.take();
    // The view still names them all; now the others vanish.
    const auto listed = co_await other.entries->list();
    for (const auto& entry : listed) {
      if (!entry.taken) co_await other.entries->remove_untaken(entry.name);
    }
    co_await other.entries->put("job/last", 60);
    auto last = co_await process.take();
    REQUIRE(last.data() == "job/last");
    const auto depth = co_await other.entries->depth();
    REQUIRE(depth.entries == 2);
    REQUIRE(depth.taken == 2);
    co_await process.entries->consume(std::move(first));
    co_await process.entries->consume(std::move(last));
    co_await other.stop_now();
    co_await process.stop_now();
  });
}

TEST_CASE("queue: a stale owner's consume fails whole after another took the entry",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto& server = ZooKeeperServer::shared();
    const auto hosts = server.fresh_chroot();
    QueueProcess stale(loop, hosts);
    QueueProcess next(loop, hosts);
    co_await stale.entries->put("job/1", 50);
    auto entry = co_await stale.take();
    const EntryName name = entry.name();
    // Somebody ends the lock without the owner's knowledge, and the next one takes the entry.
    co_await next.session->remove("/job/taken/" + name.text(), -1);
    auto again = co_await next.take();
    REQUIRE(again.attempt() == 2);
    const auto finished = co_await stale.entries->consume(std::move(entry));
    REQUIRE(finished == FinishOutcome::NotOurs);
    const auto depth = co_await next.entries->depth();
    REQUIRE(depth.entries == 1);
    REQUIRE(depth.taken == 1);
    const auto done = co_await next.entries->consume(std::move(again));
    REQUIRE(done == FinishOutcome::Done);
    co_await stale.stop_now();
    co_await next.stop_now();
  });
}

TEST_CASE("queue: an entry deleted or changed under our lock leaves no lock behind",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    for (const bool deleted : {true, false}) {
      co_await process.entries->put("job/1", 50);
      auto entry = co_await process.take();
      const std::string path = "/job/entries/" + entry.name().text();
      if (deleted) {
        co_await process.session->remove(path, -1);
      } else {
        co_await process.session->set(path, "job/2", -1);
      }
      const auto finished = co_await process.entries->consume(std::move(entry));
      REQUIRE(finished == FinishOutcome::NotOurs);
      const auto depth = co_await process.entries->depth();
      REQUIRE(depth.taken == 0);
    }
    auto changed = co_await process.take();
    REQUIRE(changed.data() == "job/2");
    REQUIRE(changed.attempt() == 3);
    co_await process.entries->consume(std::move(changed));
    co_await process.stop_now();
  });
}
