#include "common/queue/locking_queue.hpp"

#include <set>

#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/integration/queue/queue_fixture.hpp"
#include "tests/servers/session_expiry.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using zookeeper::ZnodeError;

TEST_CASE("queue: put, take and consume leave nothing behind", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    auto& queue = *process.entries;
    const auto put = co_await queue.put("job/1", 50);
    REQUIRE(put.outcome == PutOutcome::Done);
    REQUIRE(put.path == "/job/entries/entry-050-0000000000");
    auto entry = co_await process.take();
    REQUIRE(entry.data() == "job/1");
    REQUIRE(entry.name().text() == "entry-050-0000000000");
    REQUIRE(entry.attempt() == 1);
    REQUIRE(queue.holds(entry));
    const auto lock = co_await process.session->get("/job/taken/entry-050-0000000000", nullptr);
    REQUIRE(lock.data == queue.taker_id());
    REQUIRE(lock.stat.ephemeral_owner == process.session->session_id());
    const auto finished = co_await queue.consume(std::move(entry));
    REQUIRE(finished == FinishOutcome::Done);
    const auto depth = co_await queue.depth();
    REQUIRE(depth.entries == 0);
    REQUIRE(depth.taken == 0);
    co_await process.stop_now();
  });
}

TEST_CASE("queue: entries are served by priority, then by arrival", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    std::vector<PutRequest> requests{{"job/c", 500}, {"job/d", 999}, {"job/a", 7}, {"job/b", 7}};
    const auto put = co_await process.entries->put_all(std::move(requests));
    REQUIRE(put.size() == 4);
    REQUIRE(put[2].path == "/job/entries/entry-007-0000000002");
    std::string order;
    for (int i = 0; i < 4; ++i) {
      auto entry = co_await process.take();
      order += entry.data().back();
      co_await process.entries->consume(std::move(entry));
    }
    REQUIRE(order == "abcd");
    co_await process.stop_now();
  });
}

TEST_CASE("queue: a taker that waits is served as soon as something is put", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess taker(loop, hosts);
    QueueProcess producer(loop, hosts);
    auto taken = std::make_shared<runtime::Event>();
    runtime::TaskGroup group(loop.get_executor());
    auto wait = [](QueueProcess* process, std::shared_ptr<runtime::Event> told) -> awaitable<void> {
      auto entry = co_await process->take();
      REQUIRE(entry.data() == "job/late");
      told->raise();
      co_await process->entries->consume(std::move(entry));
    };
    group.spawn(wait(&taker, taken));
    const bool early = co_await taken->wait_for(200ms);
    REQUIRE_FALSE(early);
    co_await producer.entries->put("job/late", 10);
    co_await group.join();
    REQUIRE(taken->raised());
    co_await producer.stop_now();
    co_await taker.stop_now();
  });
}

TEST_CASE("queue: something more urgent is seen while there is a backlog", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess taker(loop, hosts);
    QueueProcess producer(loop, hosts);
    std::vector<PutRequest> backlog(3000, PutRequest{"job/backlog", 900});
    co_await producer.entries->put_all(std::move(backlog));
    auto first = co_await taker.take();
    co_await taker.entries->consume(std::move(first));
    co_await producer.entries->put("job/urgent", 1);
    int before = 0;
    for (;; ++before) {
      auto entry = co_await taker.take();
      const bool urgent = entry.data() == "job/urgent";
      co_await taker.entries->consume(std::move(entry));
      if (urgent) break;
    }
    REQUIRE(before < 2900);
    co_await producer.stop_now();
    co_await taker.stop_now();
  });
}

TEST_CASE("queue: what is more urgent than a backlog is found by name, not by listing it",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess taker(loop, hosts);
    QueueProcess producer(loop, hosts);
    std::vector<PutRequest> backlog(1500, PutRequest{"job/backlog", 900});
    co_await producer.entries->put_all(std::move(backlog));
    auto first = co_await taker.take();
    co_await taker.entries->consume(std::move(first));
    const auto listings = taker.entries->counters().listings;
    for (int i = 0; i < 5; ++i) {
      co_await producer.entries->put("job/backlog", 900);
      co_await producer.entries->put("job/urgent", i);
      co_await producer.entries->put("job/backlog", 900);
      int before = 0;
      for (;; ++before) {
        auto entry = co_await taker.take();
        const bool urgent = entry.data() == "job/urgent";
        co_await taker.entries->consume(std::move(entry));
        if (urgent) break;
      }
      REQUIRE(before < 280);
    }
    CHECK(taker.entries->counters().listings == listings);
    co_await producer.stop_now();
    co_await taker.stop_now();
  });
}

TEST_CASE("queue: what became more urgent while the only taker was busy is taken next",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess taker(loop, hosts);
    QueueProcess producer(loop, hosts);
    std::vector<PutRequest> backlog(20, PutRequest{"job/backlog", 900});
    co_await producer.entries->put_all(std::move(backlog));
    auto first = co_await taker.take();
    co_await producer.entries->put("job/urgent", 1);
    // Longer than a view with entries may go without news.
    runtime::Event never;
    co_await never.wait_for(300ms);
    auto second = co_await taker.take();
    REQUIRE(second.data() == "job/urgent");
    co_await producer.stop_now();
    co_await taker.stop_now();
  });
}

TEST_CASE("queue: an urgent entry that came back is served before the backlog",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess taker(loop, hosts);
    QueueProcess other(loop, hosts);
    std::vector<PutRequest> requests(200, PutRequest{"job/backlog", 900});
    requests.push_back({"job/urgent", 1});
    co_await other.entries->put_all(std::move(requests));
    auto urgent = co_await other.take();
    REQUIRE(urgent.data() == "job/urgent");
    auto first = co_await taker.take();
    co_await taker.entries->consume(std::move(first));
    co_await other.entries->release(std::move(urgent));
    int before = 0;
    runtime::Event never;
    for (;; ++before) {
      auto entry = co_await taker.take();
      const bool came_back = entry.data() == "job/urgent";
      co_await taker.entries->consume(std::move(entry));
      if (came_back) break;
      co_await never.wait_for(50ms);
    }
    REQUIRE(before < 150);
    co_await other.stop_now();
    co_await taker.stop_now();
  });
}

TEST_CASE("queue: a lock ends with its session; the next taker counts one attempt more",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto& server = ZooKeeperServer::shared();
    QueueProcess process(loop, server.fresh_chroot());
    co_await process.entries->put("job/1", 50);
    auto entry = co_await process.take();
    co_await expire_session(server.port(), process.session->session_id());
    // The same process takes it again, in its next session.
    auto again = co_await process.take();
    REQUIRE(again.data() == "job/1");
    REQUIRE(again.attempt() == 2);
    REQUIRE(again.epoch() > entry.epoch());
    REQUIRE_FALSE(process.entries->holds(entry));
    REQUIRE(process.entries->holds(again));
    const auto stale = co_await process.entries->consume(std::move(entry));
    REQUIRE(stale == FinishOutcome::NotOurs);
    const auto done = co_await process.entries->consume(std::move(again));
    REQUIRE(done == FinishOutcome::Done);
    co_await process.stop_now();
  });
}

TEST_CASE("queue: a taker waits through the loss of its session", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto& server = ZooKeeperServer::shared();
    const auto hosts = server.fresh_chroot();
    QueueProcess taker(loop, hosts);
    QueueProcess producer(loop, hosts);
    runtime::TaskGroup group(loop.get_executor());
    auto wait = [](QueueProcess* process) -> awaitable<void> {
      auto entry = co_await process->take();
      REQUIRE(entry.data() == "job/later");
      REQUIRE(entry.epoch() == 2);
      co_await process->entries->consume(std::move(entry));
    };
    group.spawn(wait(&taker));
    const auto deadline = runtime::Clock::now() + 30s;
    co_await taker.session->connected(deadline);
    co_await expire_session(server.port(), taker.session->session_id());
    co_await eventually([&] { return taker.session->epoch() == 2; });
    co_await producer.entries->put("job/later", 50);
    co_await group.join();
    co_await producer.stop_now();
    co_await taker.stop_now();
  });
}

TEST_CASE("queue: release keeps the place, and not_before keeps it from us only",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess process(loop, hosts);
    QueueProcess other(loop, hosts);
    co_await process.entries->put("job/1", 50);
    co_await process.entries->put("job/2", 50);
    auto first = co_await process.take();
    const auto released = co_await process.entries->release(std::move(first));
    REQUIRE(released == FinishOutcome::Done);
    auto same = co_await process.take();
    REQUIRE(same.data() == "job/1");
    REQUIRE(same.attempt() == 2);

    const auto back = runtime::Clock::now() + 1500ms;
    co_await process.entries->release(std::move(same), back);
    auto second = co_await process.take();
    REQUIRE(second.data() == "job/2");
    auto elsewhere = co_await other.take();
    REQUIRE(elsewhere.data() == "job/1");
    co_await other.entries->release(std::move(elsewhere));
    auto third = co_await process.take();
    REQUIRE(third.data() == "job/1");
    REQUIRE(runtime::Clock::now() >= back);
    co_await process.stop_now();
    co_await other.stop_now();
  });
}

TEST_CASE("queue: two processes with many takers get each of 500 entries exactly once",
          "[queue][zookeeper]") {
  run_on_loop(
      [](asio::io_context& loop) -> awaitable<void> {
        const auto hosts = ZooKeeperServer::shared().fresh_chroot();
        constexpr std::size_t count = 500;
        QueueProcess one(loop, hosts, QueueOptions());
        QueueProcess other(loop, hosts, QueueOptions());
        std::vector<PutRequest> requests;
        for (std::size_t i = 0; i < count; ++i) {
          requests.push_back(PutRequest{"job/" + std::to_string(i), 50});
        }
        const auto put = co_await one.entries->put_all(std::move(requests));
        REQUIRE(put.size() == count);
        std::multiset<std::string> seen;
        runtime::TaskGroup group(loop.get_executor());
        auto serve = [](QueueProcess* process, QueueProcess* partner,
                        std::multiset<std::string>* done) -> awaitable<void> {
          while (done->size() < count) {
            auto entry = co_await process->entries->take(process->stop);
            if (!entry) co_return;
            const std::string data = entry->data();
            const auto finished = co_await process->entries->consume(std::move(*entry));
            REQUIRE(finished == FinishOutcome::Done);
            done->insert(data);
          }
          process->stop.raise();
          partner->stop.raise();
        };
        for (int i = 0; i < 8; ++i) {
          group.spawn(serve(&one, &other, &seen));
          group.spawn(serve(&other, &one, &seen));
        }
        co_await group.join();
        REQUIRE(seen.size() == count);
        REQUIRE(std::set<std::string>(seen.begin(), seen.end()).size() == count);
        const auto depth = co_await one.entries->depth();
        REQUIRE(depth.entries == 0);
        // One listing serves many takes.
        const auto listings =
            one.session->calls(Call::Children) + other.session->calls(Call::Children);
        CHECK(listings < count / 5);
        co_await one.stop_now();
        co_await other.stop_now();
      },
      120s);
}

TEST_CASE("queue: garbage in the folders breaks nothing", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    auto& session = *process.session;
    co_await zookeeper::ensure_path(session, "/job/entries");
    const auto persistent = zookeeper::CreateMode::Persistent;
    const std::string huge(1000 * 1000, 'x');
    const std::string largest(1048575 - 200 - 60, 'y');
    const std::string binary("\0\xff\n", 3);
    co_await session.create("/job/entries/foreign", "job/0", persistent);
    co_await session.create("/job/entries/entry-010-12", "job/0", persistent);
    co_await session.create("/job/entries/entry-010-0000000001", "", persistent);
    co_await session.create("/job/entries/entry-010-0000000002", huge, persistent);
    co_await session.create("/job/entries/entry-010-0000000003", binary, persistent);
    const auto made =
        co_await session.create("/job/entries/entry-010-0000000004", largest, persistent);
    REQUIRE(made.error == ZnodeError::Ok);
    const std::string nothing;
    for (const std::string* expected : {&nothing, &huge, &binary, &largest}) {
      auto entry = co_await process.take();
      REQUIRE(entry.data() == *expected);
      const auto done = co_await process.entries->consume(std::move(entry));
      REQUIRE(done == FinishOutcome::Done);
    }
    const auto listed = co_await process.entries->list();
    REQUIRE(listed.empty());
    bool refused = false;
    try {
      std::string too_large(1100 * 1000, 'x');
      co_await process.entries->put(std::move(too_large), 50);
    } catch (const runtime::Failure&) {
      refused = true;
    }
    REQUIRE(refused);
    co_await process.stop_now();
  });
}

TEST_CASE("queue: stop ends every waiting take, also while ZooKeeper is away",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    ZooKeeperServer server;
    QueueProcess process(loop, server.fresh_chroot());
    const auto deadline = runtime::Clock::now() + 30s;
    co_await process.session->connected(deadline);
    runtime::TaskGroup group(loop.get_executor());
    auto wait = [](QueueProcess* owner) -> awaitable<void> {
      const auto entry = co_await owner->entries->take(owner->stop);
      REQUIRE_FALSE(entry);
    };
    for (int i = 0; i < 3; ++i) group.spawn(wait(&process));
    co_await process.entries->depth();
    server.freeze();
    process.stop.raise();
    co_await group.join();
    server.thaw();
    co_await process.stop_now();
  });
}

TEST_CASE("queue: observers see the order, the holders and the data", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    auto& queue = *process.entries;
    const auto none = co_await queue.depth();
    REQUIRE(none.entries == 0);
    co_await queue.put("job/b", 50);
    co_await queue.put("job/a", 10);
    auto entry = co_await process.take();
    const auto listed = co_await queue.list();
    REQUIRE(listed.size() == 2);
    REQUIRE(listed[0].name == entry.name());
    REQUIRE(listed[0].taken);
    REQUIRE_FALSE(listed[1].taken);
    const auto holders = co_await queue.holders();
    REQUIRE(holders.size() == 1);
    REQUIRE(holders[0].taker_id == queue.taker_id());
    REQUIRE(holders[0].session_id == process.session->session_id());
    REQUIRE(holders[0].since_ms > 0);
    const auto data = co_await queue.data_of(listed[1].name);
    REQUIRE(data == "job/b");
    const bool taken = co_await queue.remove_untaken(entry.name());
    REQUIRE_FALSE(taken);
    const bool removed = co_await queue.remove_untaken(listed[1].name);
    REQUIRE(removed);
    const bool twice = co_await queue.remove_untaken(listed[1].name);
    REQUIRE_FALSE(twice);
    const auto gone = co_await queue.data_of(listed[1].name);
    REQUIRE_FALSE(gone);
    const auto depth = co_await queue.depth();
    REQUIRE(depth.entries == 1);
    REQUIRE(depth.taken == 1);
    co_await process.stop_now();
  });
}

TEST_CASE("queue: what is put while there is a backlog is taken by its numbers, without a listing",
          "[queue][zookeeper]") {
  run_on_loop(
      [](asio::io_context& loop) -> awaitable<void> {
        const auto hosts = ZooKeeperServer::shared().fresh_chroot();
        QueueProcess taker(loop, hosts, QueueOptions());
        QueueProcess producer(loop, hosts);
        std::vector<PutRequest> backlog(300, PutRequest{"job/backlog", 999});
        co_await producer.entries->put_all(backlog);
        constexpr int rounds = 15;
        runtime::Event never;
        for (int round = 0; round < rounds; ++round) {
          std::vector<PutRequest> more(20, PutRequest{"job/more", 999});
          co_await producer.entries->put_all(std::move(more));
          // Each time a look is due.
          co_await never.wait_for(260ms);
          for (int i = 0; i < 20; ++i) {
            auto entry = co_await taker.take();
            co_await taker.entries->consume(std::move(entry));
          }
        }
        for (int i = 0; i < 300; ++i) {
          auto entry = co_await taker.take();
          co_await taker.entries->consume(std::move(entry));
        }
        const auto depth = co_await producer.entries->depth();
        REQUIRE(depth.entries == 0);
        REQUIRE(taker.entries->counters().takes == 300 + rounds * 20);
        CHECK(taker.entries->counters().lost_races == 0);
        CHECK(taker.entries->counters().looks >= rounds / 2);
        CHECK(taker.entries->counters().listings <= rounds / 2);
        co_await producer.stop_now();
        co_await taker.stop_now();
      },
      120s);
}
