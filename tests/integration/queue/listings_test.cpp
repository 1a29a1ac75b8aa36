// What knowing the queue costs: what listings are for, and that they stay within what takes pay.
#include "common/queue/allotments.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/integration/queue/queue_fixture.hpp"
#include "tests/servers/session_expiry.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;
using namespace std::chrono_literals;

namespace {

// README.md "The view": what a name of a listing costs, and what a take earns for listings.
constexpr std::uint64_t bytes_of_name = 24;
constexpr std::uint64_t earned_by_take = 32;
constexpr std::uint64_t takes_for_look = 8;
constexpr auto look_pace = 50ms;
constexpr auto oldest_view = 1s;

awaitable<void> fill(QueueProcess& producer, std::size_t count, int priority = 999) {
  std::vector<PutRequest> requests;
  for (std::size_t i = 0; i < count; ++i) {
    requests.push_back({"job/" + std::to_string(i), priority});
  }
  co_await producer.entries->put_all(std::move(requests));
}

// Takes and consumes until `left` is used up.
awaitable<void> work(QueueProcess& process, std::size_t& left) {
  while (left > 0) {
    --left;
    auto entry = co_await process.take();
    const auto done = co_await process.entries->consume(std::move(entry));
    REQUIRE(done == FinishOutcome::Done);
  }
}

// The first listing nobody has paid for, others takes have, or time: what came back, and what was
// allotted and not taken, is listed at the pace of a name in a millisecond.
std::uint64_t most_listed(std::uint64_t first, std::uint64_t takes, runtime::Duration time) {
  const auto paced = static_cast<std::uint64_t>(time / 1ms);
  return first + takes * earned_by_take / bytes_of_name + paced;
}

// Not more than the pace allows, and not more than are paid for or due by age.
std::uint64_t most_looks(runtime::Duration time, std::uint64_t takes) {
  const auto paced = static_cast<std::uint64_t>(time / look_pace);
  const auto due = takes / takes_for_look + static_cast<std::uint64_t>(time / oldest_view);
  return std::min(paced, due) + 1;
}

}  // namespace

TEST_CASE("listings: entries that came back are taken again after about a second",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto& server = ZooKeeperServer::shared();
    const auto hosts = server.fresh_chroot();
    QueueProcess producer(loop, hosts);
    constexpr std::size_t backlog = 900;
    co_await fill(producer, backlog);
    QueueProcess dying(loop, hosts);
    std::vector<TakenEntry> held;
    for (int i = 0; i < 20; ++i) {
      auto entry = co_await dying.take();
      held.push_back(std::move(entry));
    }
    // Its view has been made while those were locked, and has enough without them.
    QueueProcess taker(loop, hosts);
    auto first = co_await taker.take();
    co_await taker.entries->consume(std::move(first));
    const auto listings = taker.entries->counters().listings;
    co_await expire_session(server.port(), dying.session->session_id());
    const auto began = runtime::Clock::now();
    std::size_t back = 0;
    // Half of it would not pay for a listing by itself.
    for (std::size_t i = 0; i < backlog / 2 && back < held.size(); ++i) {
      auto entry = co_await taker.take();
      if (entry.attempt() == 2) ++back;
      co_await taker.entries->consume(std::move(entry));
      // No work is done quicker than this: what is left would not last for a second.
      co_await runtime::pause(5ms, taker.stop);
    }
    const auto took = runtime::Clock::now() - began;
    CHECK(back == held.size());
    CHECK(took < 15s);  // a second, and the takes
    // Not one for each that came back.
    const auto seconds = static_cast<std::uint64_t>(took / 1s);
    const auto listed = taker.entries->counters().listings - listings;
    CHECK(listed >= 1);
    CHECK(listed <= seconds + 1);
    for (auto& entry : held) co_await dying.entries->release(std::move(entry));
    co_await dying.stop_now();
    co_await taker.stop_now();
    co_await producer.stop_now();
  });
}

TEST_CASE("listings: one serves all takes of a backlog that only one process works off",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    constexpr std::size_t backlog = 1500;
    co_await fill(producer, backlog);
    QueueProcess process(loop, hosts, QueueOptions());
    const auto began = runtime::Clock::now();
    std::size_t left = backlog - 50;
    runtime::TaskGroup takers(loop.get_executor());
    for (int i = 0; i < 16; ++i) takers.spawn(work(process, left));
    co_await takers.join();
    const auto took = runtime::Clock::now() - began;
    const QueueCounters& counters = process.entries->counters();
    CHECK(counters.takes == backlog - 50);
    CHECK(counters.listed_names <= most_listed(backlog, counters.takes, took));
    // Each is paid for by a share of what is left.
    CHECK(counters.listings <= 10 + static_cast<std::uint64_t>(took / 1s));
    CHECK(counters.looks <= most_looks(took, counters.takes));
    co_await process.stop_now();
    co_await producer.stop_now();
  });
}

TEST_CASE("listings: of a backlog that several work off, with new entries, they stay in the budget",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    constexpr std::size_t backlog = 1000;
    constexpr std::size_t more = 200;
    constexpr std::size_t rounds = 4;
    co_await fill(producer, backlog);
    std::vector<std::unique_ptr<QueueProcess>> processes;
    for (int i = 0; i < 3; ++i) {
      processes.push_back(std::make_unique<QueueProcess>(loop, hosts, QueueOptions()));
    }
    const auto began = runtime::Clock::now();
    for (std::size_t round = 0; round < rounds; ++round) {
      std::size_t left = more;
      runtime::TaskGroup takers(loop.get_executor());
      for (auto& process : processes) {
        for (int i = 0; i < 4; ++i) takers.spawn(work(*process, left));
      }
      takers.spawn(fill(producer, more));
      co_await takers.join();
    }
    const auto took = runtime::Clock::now() - began;
    for (auto& process : processes) {
      const QueueCounters& counters = process->entries->counters();
      CAPTURE(counters.takes, counters.listings, counters.listed_names, counters.looks);
      CHECK(counters.takes > 0);
      // Entries and locks of the moment are in the first.
      const std::uint64_t first = backlog + more + 3 * 4 * 2;
      CHECK(counters.listed_names <= most_listed(first, counters.takes, took));
      CHECK(counters.looks <= most_looks(took, counters.takes) + rounds);
    }
    for (auto& process : processes) co_await process->stop_now();
    co_await producer.stop_now();
  });
}

TEST_CASE(
    "listings: with several priorities they come with looks that were paid for, not with puts",
    "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    co_await fill(producer, 400);
    co_await fill(producer, 400, 500);
    QueueProcess process(loop, hosts);
    const auto began = runtime::Clock::now();
    constexpr std::size_t takes = 200;
    for (std::size_t i = 0; i < takes; ++i) {
      const int priority = i % 2 == 0 ? 500 : 999;
      co_await producer.entries->put("job/more", priority);
      auto entry = co_await process.take();
      co_await process.entries->consume(std::move(entry));
    }
    const auto took = runtime::Clock::now() - began;
    const QueueCounters& counters = process.entries->counters();
    CHECK(counters.listings <= most_looks(took, takes) + 1);
    co_await process.stop_now();
    co_await producer.stop_now();
  });
}

namespace {

// As if others had been allotted the first ones.
awaitable<void> pretend_allotted(QueueProcess& producer, std::int64_t before) {
  const auto folder = co_await producer.session->exists("/job/entries", nullptr);
  Allotments allotments;
  allotments.before[999] = before;
  std::string text = text_of(allotments, folder.stat.created_zxid);
  const auto made = co_await producer.session->create("/job/allotted", std::move(text),
                                                      zookeeper::CreateMode::Persistent);
  REQUIRE(made.error == zookeeper::ZnodeError::Ok);
}

}  // namespace

TEST_CASE("listings: a newcomer to a crowd lists once where others take what they were allotted",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    constexpr std::size_t backlog = 1500;
    constexpr std::size_t allotted = 60;
    co_await fill(producer, backlog);
    co_await pretend_allotted(producer, allotted);
    QueueProcess newcomer(loop, hosts, QueueOptions());
    auto held = co_await newcomer.take();
    const auto began = runtime::Clock::now();
    REQUIRE(held.name().sequence >= static_cast<std::int64_t>(allotted));
    // They do, while the newcomer is at work.
    QueueProcess other(loop, hosts);
    for (std::size_t i = 0; i < allotted; ++i) {
      const EntryName name{999, static_cast<std::int64_t>(i)};
      auto entry = co_await other.entries->take_named(name);
      REQUIRE(entry);
      co_await other.entries->consume(std::move(*entry));
    }
    // For longer than what was allotted is left to others, and less than pays for a listing.
    std::size_t left = 1;
    while (runtime::Clock::now() - began < 5s) {
      left = 1;
      co_await work(newcomer, left);
      co_await runtime::pause(10ms, newcomer.stop);
    }
    CHECK(newcomer.entries->counters().listings == 1);
    co_await newcomer.entries->release(std::move(held));
    co_await other.stop_now();
    co_await newcomer.stop_now();
    co_await producer.stop_now();
  });
}

TEST_CASE("listings: what was allotted to the dead is found while there is enough else",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    constexpr std::size_t backlog = 1500;
    constexpr std::int64_t allotted = 200;
    co_await fill(producer, backlog);
    co_await pretend_allotted(producer, allotted);
    QueueProcess newcomer(loop, hosts, QueueOptions());
    bool found = false;
    std::size_t takes = 0;
    // Fewer than pay for a listing.
    for (; !found && takes < 600; ++takes) {
      auto entry = co_await newcomer.take();
      found = entry.name().sequence < allotted;
      co_await newcomer.entries->consume(std::move(entry));
      co_await runtime::pause(8ms, newcomer.stop);
    }
    CHECK(found);
    CHECK(takes > 1);
    CHECK(newcomer.entries->counters().listings == 2);
    co_await newcomer.stop_now();
    co_await producer.stop_now();
  });
}
