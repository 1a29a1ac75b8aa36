// What is due at the same moment shares a multi, and whatever becomes of one leaves the others
// alone.
#include <set>

#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/integration/queue/queue_fixture.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;

namespace {

std::string job(std::size_t number) {
  return "job/" + std::to_string(number);
}

awaitable<void> fill(QueueProcess& process, std::size_t count) {
  std::vector<PutRequest> requests;
  for (std::size_t i = 0; i < count; ++i) requests.push_back({job(i), 50});
  co_await process.entries->put_all(std::move(requests));
}

awaitable<void> take_one(QueueProcess& process, std::vector<TakenEntry>& into) {
  auto entry = co_await process.take();
  into.push_back(std::move(entry));
}

// So many takers at the same moment.
awaitable<std::vector<TakenEntry>> take_together(asio::io_context& loop, QueueProcess& process,
                                                 std::size_t count) {
  std::vector<TakenEntry> taken;
  runtime::TaskGroup takers(loop.get_executor());
  for (std::size_t i = 0; i < count; ++i) takers.spawn(take_one(process, taken));
  co_await takers.join();
  co_return taken;
}

struct Outcomes {
  std::size_t done = 0;
  std::vector<std::string> not_ours;
};

awaitable<void> finish_one(QueueProcess& process, TakenEntry entry, bool release,
                           Outcomes& outcomes) {
  const std::string data = entry.data();
  auto finished = release ? process.entries->release(std::move(entry))
                          : process.entries->consume(std::move(entry));
  const auto outcome = co_await std::move(finished);
  if (outcome == FinishOutcome::Done) {
    ++outcomes.done;
  } else {
    outcomes.not_ours.push_back(data);
  }
}

awaitable<Outcomes> finish_together(asio::io_context& loop, QueueProcess& process,
                                    std::vector<TakenEntry> taken, bool release = false) {
  Outcomes outcomes;
  runtime::TaskGroup finishers(loop.get_executor());
  for (auto& entry : taken) {
    finishers.spawn(finish_one(process, std::move(entry), release, outcomes));
  }
  co_await finishers.join();
  co_return outcomes;
}

std::set<std::string> data_of(const std::vector<TakenEntry>& taken) {
  std::set<std::string> data;
  for (const auto& entry : taken) data.insert(entry.data());
  return data;
}

awaitable<void> put_one(QueueProcess& process, std::string data, std::vector<PutReply>& replies) {
  auto reply = co_await process.entries->put(data, 50);
  replies.push_back(std::move(reply));
}

awaitable<void> put_in_vain(QueueProcess& process, std::string data, bool& refused) {
  try {
    co_await process.entries->put(data, 50);
  } catch (const runtime::Failure&) {
    refused = true;
  }
}

}  // namespace

TEST_CASE("sharing: takers that wait together, and finish together, share their multis",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    const QueueCounters& counters = process.entries->counters();
    co_await fill(process, 40);
    REQUIRE(counters.multis <= 2);  // one more when there was no folder yet
    for (const bool release : {true, false}) {
      const QueueCounters before = counters;
      auto taken = co_await take_together(loop, process, 40);
      REQUIRE(data_of(taken).size() == 40);
      REQUIRE(counters.takes - before.takes == 40);
      REQUIRE(counters.multis - before.multis == 1);
      REQUIRE(counters.multi_operations - before.multi_operations == 80);
      const auto outcomes = co_await finish_together(loop, process, std::move(taken), release);
      REQUIRE(outcomes.done == 40);
      REQUIRE(counters.multis - before.multis == 2);
    }
    REQUIRE(counters.consumes == 40);
    const auto depth = co_await process.entries->depth();
    REQUIRE(depth.entries == 0);
    REQUIRE(depth.taken == 0);
    co_await process.stop_now();
  });
}

TEST_CASE("sharing: one taker waits for nobody", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await fill(process, 1);
    const auto before = process.session->calls(Call::Multi);
    auto entry = co_await process.take();
    const auto done = co_await process.entries->consume(std::move(entry));
    REQUIRE(done == FinishOutcome::Done);
    REQUIRE(process.session->calls(Call::Multi) - before == 2);
    co_await process.stop_now();
  });
}

TEST_CASE("sharing: an entry lost to another costs its taker another try, and the others nothing",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess process(loop, hosts);
    co_await fill(process, 11);
    process.session->before_next(Call::Multi, [](zookeeper::Session& session) {
      session.create("/job/taken/entry-050-0000000003", "another",
                     zookeeper::CreateMode::Ephemeral);
    });
    const QueueCounters before = process.entries->counters();
    auto taken = co_await take_together(loop, process, 10);
    const auto data = data_of(taken);
    REQUIRE(data.size() == 10);
    REQUIRE_FALSE(data.contains("job/3"));
    const QueueCounters& after = process.entries->counters();
    REQUIRE(after.lost_races - before.lost_races == 1);
    REQUIRE(after.multis - before.multis == 3);  // refused, the nine others, the tenth
    for (const auto& entry : taken) REQUIRE(entry.attempt() == 1);
    co_await process.stop_now();
  });
}

TEST_CASE("sharing: a lost answer to takes or consumes of many leaves each done once",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    for (const Lost lost : {Lost::Answer, Lost::Request}) {
      co_await fill(process, 20);
      process.session->lose_next(Call::Multi, lost);
      auto taken = co_await take_together(loop, process, 20);
      REQUIRE(data_of(taken).size() == 20);
      for (const auto& entry : taken) REQUIRE(entry.attempt() == 1);
      auto depth = co_await process.entries->depth();
      REQUIRE(depth.taken == 20);
      process.session->lose_next(Call::Multi, lost);
      const auto outcomes = co_await finish_together(loop, process, std::move(taken));
      REQUIRE(outcomes.done == 20);
      depth = co_await process.entries->depth();
      REQUIRE(depth.entries == 0);
      REQUIRE(depth.taken == 0);
    }
    co_await process.stop_now();
  });
}

TEST_CASE("sharing: the answer is lost when a batch is sent again without one that failed",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await fill(process, 6);
    process.session->before_next(Call::Multi, [&process](zookeeper::Session& session) {
      session.remove("/job/entries/entry-050-0000000002", -1);
      process.session->before_next(Call::Multi, [&process](zookeeper::Session&) {
        process.session->lose_next(Call::Multi, Lost::Answer);
      });
    });
    auto taken = co_await take_together(loop, process, 5);
    const auto data = data_of(taken);
    REQUIRE(data.size() == 5);
    REQUIRE_FALSE(data.contains("job/2"));
    for (const auto& entry : taken) REQUIRE(entry.attempt() == 1);
    const auto depth = co_await process.entries->depth();
    REQUIRE(depth.entries == 5);
    REQUIRE(depth.taken == 5);
    co_await process.stop_now();
  });
}

TEST_CASE("sharing: a stale owner among many fails alone", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess process(loop, hosts);
    QueueProcess next(loop, hosts);
    for (const bool release : {true, false}) {
      co_await fill(process, 5);
      auto taken = co_await take_together(loop, process, 5);
      const EntryName stale = taken[2].name();
      const std::string data = taken[2].data();
      co_await next.session->remove("/job/taken/" + stale.text(), -1);
      auto again = co_await next.entries->take_named(stale);
      REQUIRE(again);
      REQUIRE(again->attempt() == 2);
      if (release) {
        // Without our own lock nothing is released; the other's stays.
        co_await next.session->remove("/job/taken/" + stale.text(), -1);
      }
      const auto outcomes = co_await finish_together(loop, process, std::move(taken), release);
      REQUIRE(outcomes.done == 4);
      REQUIRE(outcomes.not_ours == std::vector<std::string>{data});
      const auto depth = co_await next.entries->depth();
      REQUIRE(depth.entries == (release ? 5 : 1));
      REQUIRE(depth.taken == (release ? 0 : 1));
      if (!release) continue;
      const auto listed = co_await next.entries->list();
      for (const auto& entry : listed) co_await next.entries->remove_untaken(entry.name);
    }
    co_await process.stop_now();
    co_await next.stop_now();
  });
}

TEST_CASE("sharing: a taker that leaves gives back its own entry only", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess process(loop, hosts);
    QueueProcess other(loop, hosts);
    co_await fill(process, 5);
    runtime::Event leave;
    bool left = false;
    std::vector<TakenEntry> taken;
    const auto leaver = [&]() -> awaitable<void> {
      const auto nothing = co_await process.entries->take(leave);
      left = !nothing;
    };
    runtime::TaskGroup takers(loop.get_executor());
    for (std::size_t i = 0; i < 2; ++i) takers.spawn(take_one(process, taken));
    takers.spawn(leaver());
    for (std::size_t i = 0; i < 2; ++i) takers.spawn(take_one(process, taken));
    process.session->before_next(Call::Multi, [&leave](zookeeper::Session&) { leave.raise(); });
    co_await takers.join();
    REQUIRE(left);
    REQUIRE(taken.size() == 4);
    auto given_back = co_await other.take();
    REQUIRE_FALSE(data_of(taken).contains(given_back.data()));
    REQUIRE(given_back.attempt() == 2);
    // Nothing began, so nothing has died.
    REQUIRE(given_back.record());
    REQUIRE(given_back.record()->unclean_before(2) == 0);
    const auto outcomes = co_await finish_together(loop, process, std::move(taken));
    REQUIRE(outcomes.done == 4);
    const auto done = co_await other.entries->consume(std::move(given_back));
    REQUIRE(done == FinishOutcome::Done);
    co_await process.stop_now();
    co_await other.stop_now();
  });
}

TEST_CASE(
    "sharing: puts of different callers share a multi, and each is found when its answer is lost",
    "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await process.entries->put("job/first", 50);
    for (const bool lost : {false, true}) {
      const QueueCounters before = process.entries->counters();
      if (lost) process.session->lose_next(Call::Multi, Lost::Answer);
      std::vector<PutReply> replies;
      runtime::TaskGroup producers(loop.get_executor());
      // Half of them are of one and the same job.
      for (std::size_t i = 0; i < 30; ++i) producers.spawn(put_one(process, job(i % 15), replies));
      co_await producers.join();
      std::set<std::string> paths;
      for (const auto& reply : replies) {
        REQUIRE(reply.outcome == PutOutcome::Done);
        paths.insert(reply.path);
      }
      REQUIRE(paths.size() == 30);
      REQUIRE(process.entries->counters().multis - before.multis == 1);
    }
    const auto depth = co_await process.entries->depth();
    REQUIRE(depth.entries == 61);
    co_await process.stop_now();
  });
}

TEST_CASE("sharing: a put that is refused fails alone", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    std::vector<PutReply> replies;
    bool refused = false;
    runtime::TaskGroup producers(loop.get_executor());
    for (std::size_t i = 0; i < 5; ++i) producers.spawn(put_one(process, job(i), replies));
    producers.spawn(put_in_vain(process, std::string(2 << 20, 'x'), refused));
    for (std::size_t i = 0; i < 5; ++i) producers.spawn(put_one(process, job(i), replies));
    co_await producers.join();
    REQUIRE(refused);
    REQUIRE(replies.size() == 10);
    const auto depth = co_await process.entries->depth();
    REQUIRE(depth.entries == 10);
    co_await process.stop_now();
  });
}
