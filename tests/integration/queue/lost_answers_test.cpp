// Whatever happens to an answer: nothing is done twice, and what was done is known in the end.
#include <set>

#include "tests/integration/queue/queue_fixture.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;

TEST_CASE("lost answer: a take that happened is adopted, one that did not is tried again",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    for (const Lost lost : {Lost::Answer, Lost::Request}) {
      co_await process.entries->put("job/1", 50);
      process.session->lose_next(Call::Multi, lost);
      auto entry = co_await process.take();
      REQUIRE(entry.data() == "job/1");
      REQUIRE(entry.attempt() == 1);
      const auto done = co_await process.entries->consume(std::move(entry));
      REQUIRE(done == FinishOutcome::Done);
      const auto depth = co_await process.entries->depth();
      REQUIRE(depth.entries == 0);
      REQUIRE(depth.taken == 0);
    }
    co_await process.stop_now();
  });
}

TEST_CASE("lost answer: a consume is done once", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    for (const Lost lost : {Lost::Answer, Lost::Request}) {
      co_await process.entries->put("job/1", 50);
      auto entry = co_await process.take();
      process.session->lose_next(Call::Multi, lost);
      const auto done = co_await process.entries->consume(std::move(entry));
      REQUIRE(done == FinishOutcome::Done);
      const auto depth = co_await process.entries->depth();
      REQUIRE(depth.entries == 0);
      REQUIRE(depth.taken == 0);
    }
    co_await process.stop_now();
  });
}

TEST_CASE("lost answer: a release is done once", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await process.entries->put("job/1", 50);
    for (const Lost lost : {Lost::Answer, Lost::Request}) {
      auto entry = co_await process.take();
      process.session->lose_next(Call::Multi, lost);
      const auto done = co_await process.entries->release(std::move(entry));
      REQUIRE(done == FinishOutcome::Done);
      const auto depth = co_await process.entries->depth();
      REQUIRE(depth.entries == 1);
      REQUIRE(depth.taken == 0);
    }
    co_await process.stop_now();
  });
}

TEST_CASE("lost answer: a put that happened is found, one that did not is not repeated",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    // The same job, put before: its entry must not be mistaken for the new one.
    const auto earlier = co_await process.entries->put("job/1", 50);
    process.session->lose_next(Call::Multi, Lost::Request);
    const auto never = co_await process.entries->put("job/1", 50);
    REQUIRE(never.outcome == PutOutcome::Unknown);
    REQUIRE(never.path.empty());
    process.session->lose_next(Call::Multi, Lost::Answer);
    const auto done = co_await process.entries->put("job/1", 50);
    REQUIRE(done.outcome == PutOutcome::Done);
    REQUIRE(done.path != earlier.path);
    const auto depth = co_await process.entries->depth();
    REQUIRE(depth.entries == 2);
    co_await process.stop_now();
  });
}

TEST_CASE("lost answer: also the first put of a process is found", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess before(loop, hosts);
    co_await before.entries->put("job/1", 50);
    QueueProcess process(loop, hosts);
    process.session->lose_next(Call::Multi, Lost::Answer);
    const auto done = co_await process.entries->put("job/1", 50);
    REQUIRE(done.path == "/job/entries/entry-050-0000000001");
    co_await before.stop_now();
    co_await process.stop_now();
  });
}

TEST_CASE("lost answer: of many puts each is found", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await process.entries->put("job/0", 50);
    process.session->lose_next(Call::Multi, Lost::Answer);
    std::vector<PutRequest> requests;
    for (int i = 0; i < 250; ++i) {
      requests.push_back(PutRequest{"job/" + std::to_string(i % 90), 50 + i % 3});
    }
    const auto replies = co_await process.entries->put_all(std::move(requests));
    REQUIRE(replies.size() == 250);
    std::set<std::string> paths;
    for (const auto& reply : replies) {
      REQUIRE(reply.outcome == PutOutcome::Done);
      paths.insert(reply.path);
    }
    REQUIRE(paths.size() == 250);
    const auto depth = co_await process.entries->depth();
    REQUIRE(depth.entries == 251);
    co_await process.stop_now();
  });
}

TEST_CASE("lost answer: removing a dead entry is done once", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    for (const Lost lost : {Lost::Answer, Lost::Request}) {
      co_await process.entries->put("job/1", 50);
      const auto listed = co_await process.entries->list();
      process.session->lose_next(Call::Multi, lost);
      const bool removed = co_await process.entries->remove_untaken(listed.at(0).name);
      REQUIRE(removed);
      const auto depth = co_await process.entries->depth();
      REQUIRE(depth.entries == 0);
    }
    co_await process.stop_now();
  });
}
