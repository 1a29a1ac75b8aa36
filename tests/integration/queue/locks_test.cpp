// What holders learn of locks: that theirs was removed, that their job has another entry in
// somebody's hands.
#include <optional>

#include "common/runtime/task_group.hpp"
#include "tests/integration/queue/queue_fixture.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;
using zookeeper::ZnodeError;

namespace {

constexpr const char* first_lock = "/job/taken/entry-050-0000000000";

// Everything under the queue's root, as a hand or a lost ensemble removes it.
awaitable<void> wipe(zookeeper::Session& session, std::string path) {
  const auto listed = co_await session.children(path, nullptr);
  for (const std::string& name : listed.names) {
    const std::string child = path + "/" + name;
    co_await wipe(session, child);
  }
  co_await session.remove(path, zookeeper::Operation::any_version);
}

awaitable<void> note(awaitable<bool> watch, bool& told) {
  told = co_await std::move(watch);
}

}  // namespace

TEST_CASE("queue: a holder is told at once that its lock was removed", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess holder(loop, hosts);
    QueueProcess other(loop, hosts);
    co_await holder.entries->put("job/1", 50);
    auto entry = co_await holder.take();
    const auto ended = std::make_shared<runtime::Event>();
    auto watching = holder.entries->lock_removed(entry, ended);
    runtime::TaskGroup tasks(loop.get_executor());
    bool told = false;
    tasks.spawn(note(std::move(watching), told));
    CHECK(holder.entries->holds(entry));
    co_await other.session->remove(first_lock, zookeeper::Operation::any_version);
    co_await tasks.join();
    CHECK(told);
    CHECK_FALSE(holder.entries->holds(entry));
    // The entry may be anybody's now: what has the same name is left alone.
    auto theirs = co_await other.take();
    const auto consumed = co_await holder.entries->consume(std::move(entry));
    CHECK(consumed == FinishOutcome::NotOurs);
    const auto lock = co_await other.session->exists(first_lock, nullptr);
    CHECK(lock.error == ZnodeError::Ok);
    const auto done = co_await other.entries->consume(std::move(theirs));
    CHECK(done == FinishOutcome::Done);
    co_await holder.stop_now();
    co_await other.stop_now();
  });
}

TEST_CASE("queue: an entry and a lock of the same name in a queue made anew are somebody else's",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess holder(loop, hosts);
    QueueProcess other(loop, hosts);
    co_await holder.entries->put("job/1", 50);
    auto entry = co_await holder.take();
    co_await wipe(*other.session, "/job");
    co_await other.entries->put("job/2", 50);
    auto theirs = co_await other.take();
    REQUIRE(theirs.name() == entry.name());
    REQUIRE(theirs.attempt() == entry.attempt());
    // Looking finds a lock, but not ours.
    const auto ended = std::make_shared<runtime::Event>();
    const bool told = co_await holder.entries->lock_removed(entry, ended);
    CHECK(told);
    const auto consumed = co_await holder.entries->consume(std::move(entry));
    CHECK(consumed == FinishOutcome::NotOurs);
    const auto done = co_await other.entries->consume(std::move(theirs));
    CHECK(done == FinishOutcome::Done);
    co_await holder.stop_now();
    co_await other.stop_now();
  });
}

TEST_CASE("queue: who ends its entry itself hears nothing of its lock", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await process.entries->put("job/1", 50);
    auto entry = co_await process.take();
    const auto ended = std::make_shared<runtime::Event>();
    auto watching = process.entries->lock_removed(entry, ended);
    runtime::TaskGroup tasks(loop.get_executor());
    bool told = true;
    tasks.spawn(note(std::move(watching), told));
    ended->raise();
    const auto done = co_await process.entries->consume(std::move(entry));
    CHECK(done == FinishOutcome::Done);
    co_await tasks.join();
    CHECK_FALSE(told);
    co_await process.stop_now();
  });
}

TEST_CASE("queue: of two entries of one job the later holder sees the earlier one",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess first(loop, hosts);
    QueueProcess second(loop, hosts);
    co_await first.entries->put("job/other", 10);
    co_await first.entries->put("job/1", 50);
    co_await first.entries->put("job/1", 50);
    auto unrelated = co_await first.take();
    auto earlier = co_await first.take();
    auto later = co_await second.take();
    REQUIRE(earlier.data() == later.data());
    const auto seen = [](QueueProcess& process, const TakenEntry& entry, Rivals which) {
      return process.entries->taken_elsewhere(entry, which);
    };
    const bool earlier_yields = co_await seen(first, earlier, Rivals::Earlier);
    const bool later_yields = co_await seen(second, later, Rivals::Earlier);
    const bool other_yields = co_await seen(first, unrelated, Rivals::All);
    const bool earlier_has_rival = co_await seen(first, earlier, Rivals::All);
    CHECK_FALSE(earlier_yields);
    CHECK(later_yields);
    CHECK_FALSE(other_yields);
    CHECK(earlier_has_rival);
    // What is read once is not read again.
    const auto reads = second.session->calls(Call::Get);
    const bool still = co_await seen(second, later, Rivals::Earlier);
    CHECK(still);
    CHECK(second.session->calls(Call::Get) == reads);
    const auto done = co_await first.entries->consume(std::move(earlier));
    REQUIRE(done == FinishOutcome::Done);
    const bool alone = co_await seen(second, later, Rivals::Earlier);
    CHECK_FALSE(alone);
    co_await first.stop_now();
    co_await second.stop_now();
  });
}

TEST_CASE("queue: an entry is taken by its name if it is free, and no other taker gets it as well",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const EntryName named{50, 1};
    const EntryName missing{50, 7};
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess process(loop, hosts);
    QueueProcess other(loop, hosts);
    co_await process.entries->put("job/1", 50);
    co_await process.entries->put("job/2", 50);
    auto second = co_await process.entries->take_named(named);
    REQUIRE(second);
    CHECK(second->data() == "job/2");
    CHECK(second->attempt() == 1);
    const auto again = co_await process.entries->take_named(named);
    CHECK_FALSE(again);
    const auto theirs = co_await other.entries->take_named(named);
    CHECK_FALSE(theirs);
    const auto gone = co_await process.entries->take_named(missing);
    CHECK_FALSE(gone);
    auto first = co_await process.take();
    CHECK(first.data() == "job/1");
    // Given back, it can be had again, also while it is backed off.
    const auto later = runtime::Clock::now() + std::chrono::hours(1);
    co_await process.entries->release(std::move(*second), later);
    const auto once_more = co_await process.entries->take_named(named);
    REQUIRE(once_more);
    CHECK(once_more->attempt() == 2);
    co_await process.stop_now();
    co_await other.stop_now();
  });
}

TEST_CASE("queue: why nothing can be taken is known, and passes with its cause",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess process(loop, hosts);
    QueueProcess intruder(loop, hosts);
    // A folder that can hold no locks.
    co_await zookeeper::ensure_path(*intruder.session, "/job");
    const auto made =
        co_await intruder.session->create("/job/taken", "", zookeeper::CreateMode::Ephemeral);
    REQUIRE(made.error == ZnodeError::Ok);
    co_await process.entries->put("job/1", 50);
    runtime::TaskGroup tasks(loop.get_executor());
    std::optional<TakenEntry> taken;
    const auto take = [](QueueProcess& taker,
                         std::optional<TakenEntry>& result) -> awaitable<void> {
      result = co_await taker.entries->take(taker.stop);
    };
    tasks.spawn(take(process, taken));
    const bool told = co_await eventually([&] { return !process.entries->trouble().empty(); });
    REQUIRE(told);
    CHECK(process.entries->trouble().starts_with("cannot lock /job/entries/entry-050-0000000000"));
    CHECK_FALSE(taken);
    co_await intruder.stop_now();
    co_await tasks.join();
    REQUIRE(taken);
    CHECK(process.entries->trouble().empty());
    const auto done = co_await process.entries->consume(std::move(*taken));
    CHECK(done == FinishOutcome::Done);
    co_await process.stop_now();
  });
}
