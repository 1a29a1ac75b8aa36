// Searches run beside the loops that serve connections, and only so many of them.
#include "api/store/reading_threads.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>

#include "common/runtime/task_group.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api::store;
using nlohmann::json;
using Purpose = ReadingThreads::Purpose;

namespace {

// Holds up reading threads until it is opened or they are interrupted.
class Gate {
 public:
  ReadingThreads::Work work() {
    return [this](ResourceReader&, const std::atomic<bool>& given_up) {
      std::unique_lock lock(mutex_);
      ++waiting_;
      while (!open_ && !given_up) changed_.wait_for(lock, std::chrono::milliseconds(5));
      interrupted_ = interrupted_ || given_up;
      --waiting_;
    };
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int waiting() {
    const std::lock_guard lock(mutex_);
    return waiting_;
  }
  bool interrupted() {
    const std::lock_guard lock(mutex_);
    return interrupted_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int waiting_ = 0;
  bool open_ = false;
  bool interrupted_ = false;
};

class Database {
 public:
  Database() { open_sqlite_store(file()); }
  std::string file() const { return (folder_.path() / "jobs.db").string(); }

 private:
  tests::TemporaryDirectory folder_;
};

ReadingLimits limits(int threads, std::size_t most_waiting, std::chrono::seconds longest_wait) {
  ReadingLimits result;
  result.threads = threads;
  result.most_waiting = most_waiting;
  result.longest_wait = longest_wait;
  return result;
}

awaitable<void> run(ReadingThreads& threads, Purpose purpose, ReadingThreads::Work work,
                    std::string& outcome) {
  try {
    co_await threads.run(purpose, std::move(work));
    outcome = "done";
  } catch (const std::exception& failure) {
    outcome = failure.what();
  }
}

const ReadingThreads::Work nothing = [](ResourceReader&, const std::atomic<bool>&) {};

}  // namespace

TEST_CASE("searches: too many that wait are refused, the engine's own reads go on",
          "[store][reading_threads]") {
  const Database database;
  Gate gate;
  ReadingThreads threads(database.file(), limits(1, 2, std::chrono::seconds(60)));
  tests::run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
    runtime::TaskGroup group(loop.get_executor());
    std::string outcomes[4];
    group.spawn(run(threads, Purpose::Search, gate.work(), outcomes[0]));
    const bool busy = co_await tests::eventually([&] { return gate.waiting() == 1; });
    REQUIRE(busy);
    group.spawn(run(threads, Purpose::Search, nothing, outcomes[1]));
    group.spawn(run(threads, Purpose::Search, nothing, outcomes[2]));
    group.spawn(run(threads, Purpose::Search, nothing, outcomes[3]));
    const bool refused = co_await tests::eventually([&] { return !outcomes[3].empty(); });
    REQUIRE(refused);
    CHECK(outcomes[3] == "Too many searches wait: 2. Try again later.");

    std::string own;
    co_await run(threads, Purpose::Engine, nothing, own);
    CHECK(own == "done");
    CHECK(outcomes[1].empty());

    gate.open();
    co_await group.join();
    for (int i = 0; i < 3; ++i) CHECK(outcomes[i] == "done");
  });
}

TEST_CASE("searches: one that cannot begin in time is given up and never runs",
          "[store][reading_threads]") {
  const Database database;
  Gate gate;
  ReadingThreads threads(database.file(), limits(1, 10, std::chrono::seconds(1)));
  tests::run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
    runtime::TaskGroup group(loop.get_executor());
    std::string first;
    group.spawn(run(threads, Purpose::Search, gate.work(), first));
    const bool busy = co_await tests::eventually([&] { return gate.waiting() == 1; });
    REQUIRE(busy);
    std::string second;
    std::atomic<bool> ran = false;
    ReadingThreads::Work noting = [&](ResourceReader&, const std::atomic<bool>&) { ran = true; };
    co_await run(threads, Purpose::Search, noting, second);
    CHECK_THAT(second, Catch::StartsWith("The search has waited 1 s for others"));
    CHECK(first.empty());  // who has begun may go on
    gate.open();
    co_await group.join();
    std::string third;
    co_await run(threads, Purpose::Search, nothing, third);
    CHECK(third == "done");
    CHECK_FALSE(ran);
  });
}

TEST_CASE("searches: what nobody waits for any more is interrupted", "[store][reading_threads]") {
  const Database database;
  Gate gate;
  ReadingThreads threads(database.file(), limits(1, 10, std::chrono::seconds(60)));
  std::string outcome;
  {
    asio::io_context loop;
    runtime::TaskGroup group(loop.get_executor());
    group.spawn(run(threads, Purpose::Search, gate.work(), outcome));
    while (gate.waiting() == 0) loop.poll();
    loop.stop();
  }
  tests::run_on_loop([&](asio::io_context&) -> awaitable<void> {
    const bool ended = co_await tests::eventually([&] { return gate.interrupted(); });
    CHECK(ended);
  });
  CHECK(outcome.empty());
}

TEST_CASE("searches: the end of the store interrupts them", "[store][reading_threads]") {
  const Database database;
  Gate gate;
  std::string outcome;
  asio::io_context loop;
  runtime::TaskGroup group(loop.get_executor());
  {
    ReadingThreads threads(database.file(), limits(1, 10, std::chrono::seconds(60)));
    group.spawn(run(threads, Purpose::Search, gate.work(), outcome));
    while (gate.waiting() == 0) loop.poll();
  }
  CHECK(gate.interrupted());
  loop.run();
  CHECK(outcome == "done");
}

TEST_CASE("searches: a long one does not hold up a read by id on the same loop",
          "[store][reading_threads]") {
  const tests::TemporaryDirectory folder;
  const auto store = open_sqlite_store((folder.path() / "jobs.db").string());
  tests::run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
    std::vector<Change> changes;
    for (int i = 0; i < 3000; ++i) {
      const json document = {{"id", "job/" + std::to_string(i)}, {"text", std::string(2000, 'x')}};
      changes.push_back({document.at("id"), [document](const StoredDocument*) {
                           return Decision{Decision::Kind::Put, document, false};
                         }});
    }
    co_await store->change(std::move(changes));
    std::string order;
    auto searching = [&]() -> awaitable<void> {
      SearchRequest request;
      request.collection = "job";
      request.visibility.everything = true;
      request.filter = api::filter::parse("text=='nowhere'");
      co_await store->search(std::move(request));
      order += "search ";
    };
    auto reading = [&]() -> awaitable<void> {
      co_await store->get("job/1");
      order += "get ";
    };
    runtime::TaskGroup group(loop.get_executor());
    group.spawn(searching());
    group.spawn(reading());
    co_await group.join();
    CHECK(order == "get search ");
  });
}
