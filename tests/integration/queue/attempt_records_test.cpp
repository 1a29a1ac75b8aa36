// Attempt records: written only by who holds the entry, gone with it, and free for everybody else.
#include <nlohmann/json.hpp>

#include "common/runtime/failure.hpp"
#include "tests/integration/queue/queue_fixture.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;
using zookeeper::ZnodeError;

namespace {

constexpr const char* first_record = "/job/attempts/entry-050-0000000000";

AttemptRecord with_checkpoint(std::string checkpoint) {
  AttemptRecord record;
  record.checkpoint = std::move(checkpoint);
  return record;
}

// Takes and gives back, so that the next take is a later attempt.
awaitable<void> spend_an_attempt(QueueProcess& process) {
  auto entry = co_await process.take();
  const auto released = co_await process.entries->release(std::move(entry));
  REQUIRE(released == FinishOutcome::Done);
}

awaitable<void> put_garbage(QueueProcess& process, std::string bytes) {
  co_await zookeeper::ensure_path(*process.session, "/job/attempts");
  const auto made = co_await process.session->create(first_record, std::move(bytes),
                                                     zookeeper::CreateMode::Persistent);
  REQUIRE(made.error == ZnodeError::Ok);
}

std::size_t all_calls(const FaultySession& session) {
  std::size_t count = 0;
  for (const Call call : {Call::Create, Call::Get, Call::Set, Call::Exists, Call::Children,
                          Call::Remove, Call::Multi, Call::Sync}) {
    count += session.calls(call);
  }
  return count;
}

}  // namespace

TEST_CASE("attempt record: a job taken once and consumed costs what it did without",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    QueueProcess process(loop, hosts);
    co_await producer.entries->put("job/1", 50);
    auto entry = co_await process.take();
    CHECK_FALSE(entry.record());
    CHECK(process.session->calls(Call::Get) == 1);
    CHECK(process.session->calls(Call::Multi) == 1);
    const auto before = all_calls(*process.session);
    const auto done = co_await process.entries->consume(std::move(entry));
    REQUIRE(done == FinishOutcome::Done);
    CHECK(process.session->calls(Call::Multi) == 2);
    CHECK(all_calls(*process.session) == before + 1);
    const auto folder = co_await process.session->exists("/job/attempts", nullptr);
    CHECK(folder.error == ZnodeError::NoNode);
    co_await producer.stop_now();
    co_await process.stop_now();
  });
}

TEST_CASE("attempt record: what one taker kept the next one has, and consume removes it",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess first(loop, hosts);
    QueueProcess second(loop, hosts);
    co_await first.entries->put("job/1", 50);
    auto entry = co_await first.take();
    for (const char* checkpoint : {R"({"page":1})", R"({"page":2})"}) {
      const auto kept = co_await first.entries->keep_record(entry, with_checkpoint(checkpoint));
      REQUIRE(kept == FinishOutcome::Done);
      REQUIRE(entry.record());
      CHECK(entry.record()->checkpoint == checkpoint);
    }
    // As a process that is killed: the lock goes with the session.
    co_await first.stop_now();
    auto again = co_await second.take();
    CHECK(again.attempt() == 2);
    REQUIRE(again.record());
    CHECK(again.record()->checkpoint == R"({"page":2})");
    CHECK(again.record()->job == "job/1");
    const auto done = co_await second.entries->consume(std::move(again));
    REQUIRE(done == FinishOutcome::Done);
    const auto record = co_await second.session->exists(first_record, nullptr);
    CHECK(record.error == ZnodeError::NoNode);
    const auto depth = co_await second.entries->depth();
    CHECK(depth.entries + depth.taken == 0);
    co_await second.stop_now();
  });
}

TEST_CASE("attempt record: a release writes it in the same step", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await process.entries->put("job/1", 50);
    AttemptRecord record;
    for (int i = 1; i <= 3; ++i) {
      auto entry = co_await process.take();
      REQUIRE(entry.attempt() == i);
      if (i > 1) REQUIRE(entry.record()->retries == i - 1);
      record.retries = i;
      const auto multis = process.session->calls(Call::Multi);
      const auto released = co_await process.entries->release_with(std::move(entry), record);
      REQUIRE(released == FinishOutcome::Done);
      if (i > 1) CHECK(process.session->calls(Call::Multi) == multis + 1);
    }
    const auto depth = co_await process.entries->depth();
    CHECK(depth.taken == 0);
    CHECK(depth.entries == 1);
    co_await process.stop_now();
  });
}

TEST_CASE("attempt record: who has lost the entry writes nothing", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess process(loop, hosts);
    QueueProcess other(loop, hosts);
    co_await process.entries->put("job/1", 50);
    auto entry = co_await process.take();
    // Somebody takes it over, as after an expiry this process has not heard of.
    const std::string lock = "/job/taken/entry-050-0000000000";
    co_await other.session->remove(lock, zookeeper::Operation::any_version);
    auto theirs = co_await other.take();
    REQUIRE(theirs.attempt() == 2);
    const auto kept = co_await process.entries->keep_record(entry, with_checkpoint("1"));
    CHECK(kept == FinishOutcome::NotOurs);
    const auto released =
        co_await process.entries->release_with(std::move(entry), with_checkpoint("2"));
    CHECK(released == FinishOutcome::NotOurs);
    const auto record = co_await other.session->exists(first_record, nullptr);
    CHECK(record.error == ZnodeError::NoNode);
    const auto still = co_await other.session->exists(lock, nullptr);
    CHECK(still.error == ZnodeError::Ok);
    const auto done = co_await other.entries->consume(std::move(theirs));
    CHECK(done == FinishOutcome::Done);
    co_await process.stop_now();
    co_await other.stop_now();
  });
}

TEST_CASE("attempt record: garbage in its place is no record, and is overwritten",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const std::string of_another = R"({"job": "job/2", "checkpoint": "7"})";
    for (const std::string& garbage : {std::string("\xff\x00{", 3), std::string(), of_another}) {
      QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
      co_await process.entries->put("job/1", 50);
      co_await spend_an_attempt(process);
      co_await put_garbage(process, garbage);
      auto entry = co_await process.take();
      CHECK(entry.attempt() == 2);
      CHECK_FALSE(entry.record());
      CHECK_FALSE(entry.record_complaint().empty());
      const auto kept = co_await process.entries->keep_record(entry, with_checkpoint("3"));
      REQUIRE(kept == FinishOutcome::Done);
      CHECK(entry.record_complaint().empty());
      const auto done = co_await process.entries->consume(std::move(entry));
      REQUIRE(done == FinishOutcome::Done);
      const auto record = co_await process.session->exists(first_record, nullptr);
      CHECK(record.error == ZnodeError::NoNode);
      co_await process.stop_now();
    }
  });
}

TEST_CASE("attempt record: one that vanished under its holder hinders nothing",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await process.entries->put("job/1", 50);
    auto entry = co_await process.take();
    for (int i = 0; i < 2; ++i) {
      const auto kept = co_await process.entries->keep_record(entry, with_checkpoint("1"));
      REQUIRE(kept == FinishOutcome::Done);
      const auto gone =
          co_await process.session->remove(first_record, zookeeper::Operation::any_version);
      REQUIRE(gone == ZnodeError::Ok);
    }
    const auto done = co_await process.entries->consume(std::move(entry));
    CHECK(done == FinishOutcome::Done);
    const auto depth = co_await process.entries->depth();
    CHECK(depth.entries + depth.taken == 0);
    co_await process.stop_now();
  });
}

TEST_CASE("attempt record: a lost answer is resolved by looking", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    for (const Lost lost : {Lost::Answer, Lost::Request}) {
      co_await process.entries->put("job/1", 50);
      auto entry = co_await process.take();
      for (const char* checkpoint : {"1", "2"}) {
        process.session->lose_next(Call::Multi, lost);
        const auto kept = co_await process.entries->keep_record(entry, with_checkpoint(checkpoint));
        REQUIRE(kept == FinishOutcome::Done);
      }
      process.session->lose_next(Call::Multi, lost);
      const auto released =
          co_await process.entries->release_with(std::move(entry), with_checkpoint("3"));
      REQUIRE(released == FinishOutcome::Done);
      auto again = co_await process.take();
      REQUIRE(again.record());
      CHECK(again.record()->checkpoint == "3");
      process.session->lose_next(Call::Multi, lost);
      const auto done = co_await process.entries->consume(std::move(again));
      REQUIRE(done == FinishOutcome::Done);
      const auto left = co_await process.session->children("/job/attempts", nullptr);
      CHECK(left.names.empty());
      const auto depth = co_await process.entries->depth();
      CHECK(depth.entries + depth.taken == 0);
    }
    co_await process.stop_now();
  });
}

TEST_CASE("attempt record: a take whose reading of it is interrupted reads it again",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await process.entries->put("job/1", 50);
    auto entry = co_await process.take();
    const auto released =
        co_await process.entries->release_with(std::move(entry), with_checkpoint("5"));
    REQUIRE(released == FinishOutcome::Done);
    process.session->before_next(Call::Multi, [&process](zookeeper::Session&) {
      process.session->lose_next(Call::Get, Lost::Answer);
    });
    auto again = co_await process.take();
    REQUIRE(again.record());
    CHECK(again.record()->checkpoint == "5");
    co_await process.stop_now();
  });
}

TEST_CASE("attempt record: one too large for ZooKeeper is refused with a reason",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await process.entries->put("job/1", 50);
    auto entry = co_await process.take();
    bool refused = false;
    try {
      co_await process.entries->keep_record(entry, with_checkpoint(std::string(1200000, '1')));
    } catch (const runtime::Failure& failure) {
      refused = true;
      CHECK_THAT(failure.what(), Catch::Contains(first_record));
    }
    CHECK(refused);
    const auto kept = co_await process.entries->keep_record(entry, with_checkpoint("1"));
    CHECK(kept == FinishOutcome::Done);
    const auto done = co_await process.entries->consume(std::move(entry));
    CHECK(done == FinishOutcome::Done);
    co_await process.stop_now();
  });
}

TEST_CASE("attempt record: those without an entry are swept, so many at a time",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    auto nothing = co_await process.entries->sweep_attempt_records();
    CHECK(nothing == 0);
    co_await process.entries->put("job/1", 50);
    auto entry = co_await process.take();
    co_await process.entries->keep_record(entry, with_checkpoint("1"));
    for (int i = 10; i < 15; ++i) {
      const std::string path = "/job/attempts/entry-050-00000000" + std::to_string(i);
      co_await process.session->create(path, "{}", zookeeper::CreateMode::Persistent);
    }
    co_await process.session->create("/job/attempts/notes", "", zookeeper::CreateMode::Persistent);
    auto swept = co_await process.entries->sweep_attempt_records(3);
    CHECK(swept == 3);
    swept = co_await process.entries->sweep_attempt_records(3);
    CHECK(swept == 2);
    swept = co_await process.entries->sweep_attempt_records(3);
    CHECK(swept == 0);
    auto left = co_await process.session->children("/job/attempts", nullptr);
    std::sort(left.names.begin(), left.names.end());
    CHECK(left.names == std::vector<std::string>{"entry-050-0000000000", "notes"});
    co_await process.stop_now();
  });
}

TEST_CASE("attempt record: who lists the queue sees entries only", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await process.entries->put("job/1", 50);
    auto entry = co_await process.take();
    co_await process.entries->keep_record(entry, with_checkpoint("1"));
    const auto listed = co_await process.entries->list();
    REQUIRE(listed.size() == 1);
    CHECK(listed[0].taken);
    const auto holders = co_await process.entries->holders();
    CHECK(holders.size() == 1);
    const auto depth = co_await process.entries->depth();
    CHECK(depth.entries == 1);
    CHECK(depth.taken == 1);
    co_await process.stop_now();
  });
}
