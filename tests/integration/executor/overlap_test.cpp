// An executor whose API is in memory and its queue in a real ZooKeeper: what a slot waits for, and
// what it does not.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "common/zookeeper/lasting_session.hpp"
#include "executor/executor.hpp"
#include "executor/plugins/catalog_keeper.hpp"
#include "tests/integration/executor/bench.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

zookeeper::SessionOptions session_options() {
  return zookeeper::parse_hosts({ZooKeeperServer::shared().fresh_chroot()});
}

// Lives on the loop, for one test.
struct Engine {
  explicit Engine(asio::io_context& event_loop,
                  zookeeper::SessionOptions options = session_options())
      : loop(event_loop),
        session(zookeeper::make_session(loop, std::move(options))),
        queue(*session),
        client(api),
        stop(loop),
        running(loop.get_executor()) {}

  awaitable<void> start(ExecutorOptions options) {
    std::vector<ActionDirectory> directories;
    directories.push_back({good_plugins(), true});
    HostCommand command = host_command();
    catalog = co_await scan_actions(loop, std::move(command), std::move(directories));
    options.host_command = host_command();
    options.logs.executor = "overlap";
    executor_metrics.emplace(metrics, options.slots);
    executor.emplace(loop, *session, queue, client, catalog, *executor_metrics, nullptr,
                     std::move(options));
    running.spawn(run());
  }
  awaitable<void> run() {
    co_await executor->run(stop);
    ended = true;
  }
  awaitable<std::string> submit(std::string action) {
    std::string id = api.add_job(action);
    co_await queue.put(id, 10);
    co_return id;
  }
  std::string state(const std::string& id) { return api.job(id)["state"]; }
  bool all_done(const std::vector<std::string>& ids) {
    return std::all_of(ids.begin(), ids.end(),
                       [this](const std::string& id) { return state(id) == "SUCCESS"; });
  }
  // So many short jobs that a further one is known to be short, too.
  awaitable<bool> run_short_ones() {
    std::vector<std::string> ids;
    for (int i = 0; i < 60; ++i) ids.push_back(co_await submit("test_ok"));
    co_return co_await eventually([&] { return all_done(ids); });
  }
  awaitable<std::size_t> taken() {
    const queue::Depth depth = co_await queue.depth();
    co_return depth.taken;
  }
  awaitable<bool> emptied() {
    for (int i = 0; i < 1000; ++i) {
      const queue::Depth depth = co_await queue.depth();
      if (depth.entries + depth.taken == 0) co_return true;
      co_await never.wait_for(10ms);
    }
    co_return false;
  }
  awaitable<void> rest(runtime::Duration time) { co_await never.wait_for(time); }
  // Also closes the session.
  awaitable<void> end() {
    stop.request();
    co_await running.join();
  }

  asio::io_context& loop;
  std::unique_ptr<zookeeper::Session> session;
  queue::LockingQueue queue;
  MemoryApi api;
  WatchedClient client;
  Catalog catalog;
  telemetry::Metrics metrics;
  std::optional<ExecutorMetrics> executor_metrics;
  std::optional<Executor> executor;
  runtime::StopSignal stop;
  bool ended = false;
  runtime::Event never;
  runtime::TaskGroup running;
};

bool is_outcome(const cimi::Request& request) {
  return request.method == "PUT" && request.body.find("SUCCESS") != std::string::npos;
}

bool is_start(const cimi::Request& request) {
  return request.method == "PUT" && request.body.find("RUNNING") != std::string::npos;
}

// Keeps one job in its slot: the answer to its start is kept back until it is opened.
struct Occupied {
  std::string job;
  std::string next;
  bool arrived = false;
  bool next_read = false;
  bool next_begun = false;
  std::shared_ptr<runtime::Event> opened = std::make_shared<runtime::Event>();

  std::function<MemoryApi::Trouble(const cimi::Request&)> watch() {
    return [this](const cimi::Request& request) {
      MemoryApi::Trouble none;
      if (!next.empty() && request.path == next) {
        next_read = next_read || request.method == "GET";
        next_begun = next_begun || is_start(request);
      }
      if (job.empty() || request.path != job || !is_start(request) || opened->raised()) return none;
      arrived = true;
      none.until = opened;
      return none;
    };
  }
};

// With one slot, and a job in it.
awaitable<bool> occupy(Engine& engine, Occupied& slot) {
  slot.job = engine.api.add_job("test_ok");
  engine.api.trouble = slot.watch();
  co_await engine.queue.put(slot.job, 10);
  co_return co_await eventually([&] { return slot.arrived; });
}

// Keeps the answers to outcomes back until it is opened, those of `only` or of every job.
struct Gate {
  std::set<std::string> arrived;
  std::shared_ptr<runtime::Event> opened = std::make_shared<runtime::Event>();

  std::function<MemoryApi::Trouble(const cimi::Request&)> watch(std::string only = "") {
    return [this, only = std::move(only)](const cimi::Request& request) {
      MemoryApi::Trouble none;
      const bool wanted = only.empty() || request.path == only;
      if (!wanted || !is_outcome(request) || opened->raised()) return none;
      arrived.insert(request.path);
      none.until = opened;
      return none;
    };
  }
};

ExecutorOptions one_slot() {
  ExecutorOptions options;
  options.slots = 1;
  return options;
}

}  // namespace

TEST_CASE("executor: a slot is free for the next job while an outcome is on its way") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Engine engine(loop);
    const std::string first = co_await engine.submit("test_ok");
    Gate gate;
    engine.api.trouble = gate.watch(first);
    co_await engine.start(one_slot());
    const bool arrived = co_await eventually([&] { return !gate.arrived.empty(); });
    REQUIRE(arrived);
    const std::string second = co_await engine.submit("test_ok");
    const bool overtaken = co_await eventually([&] { return engine.state(second) == "SUCCESS"; });
    CHECK(overtaken);
    CHECK(engine.state(first) == "RUNNING");
    const auto finishing = [&engine](const char* count) {
      const std::string line = std::string("\njobengine_executor_finishing_jobs ") + count + "\n";
      return engine.metrics.exposition().find(line) != std::string::npos;
    };
    const bool counted = co_await eventually([&] { return finishing("1"); });
    CHECK(counted);
    gate.opened->raise();
    const bool empty = co_await engine.emptied();
    CHECK(empty);
    CHECK(engine.state(first) == "SUCCESS");
    const bool none_left = co_await eventually([&] { return finishing("0"); });
    CHECK(none_left);
    co_await engine.end();
  });
}

TEST_CASE("executor: with as many outcomes on their way as there may be, no more jobs are taken") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Engine engine(loop);
    std::vector<std::string> ids;
    for (int i = 0; i < 6; ++i) ids.push_back(co_await engine.submit("test_ok"));
    Gate gate;
    engine.api.trouble = gate.watch();
    ExecutorOptions options = one_slot();
    options.further_finishing = 1;
    co_await engine.start(std::move(options));
    // Two beside the slot, and the one that keeps it.
    const bool full = co_await eventually([&] { return gate.arrived.size() == 3; });
    REQUIRE(full);
    co_await engine.rest(300ms);
    CHECK(gate.arrived.size() == 3);
    const queue::Depth depth = co_await engine.queue.depth();
    CHECK(depth.taken == 3);
    gate.opened->raise();
    const bool done = co_await eventually([&] { return engine.all_done(ids); });
    CHECK(done);
    const bool empty = co_await engine.emptied();
    CHECK(empty);
    co_await engine.end();
  });
}

TEST_CASE("executor: while outcomes wait for an API that is away, nothing is taken") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Engine engine(loop);
    const std::string first = co_await engine.submit("test_ok");
    bool away = false;
    bool touched = false;
    std::string second;
    engine.api.trouble = [&](const cimi::Request& request) {
      MemoryApi::Trouble trouble;
      away = away || (is_outcome(request) && second.empty());
      if (!away) return trouble;
      touched = touched || request.path == second;
      trouble.kind = cimi::ReplyKind::Unreachable;
      return trouble;
    };
    co_await engine.start(one_slot());
    const bool gone = co_await eventually([&] { return away; });
    REQUIRE(gone);
    second = engine.api.add_job("test_ok");
    co_await engine.queue.put(second, 10);
    co_await engine.rest(300ms);
    CHECK_FALSE(touched);
    const queue::Depth depth = co_await engine.queue.depth();
    CHECK(depth.taken == 1);
    away = false;
    const bool empty = co_await engine.emptied();
    CHECK(empty);
    CHECK(engine.state(first) == "SUCCESS");
    CHECK(engine.state(second) == "SUCCESS");
    co_await engine.end();
  });
}

TEST_CASE("executor: one outcome that the API does not take keeps nobody else from working") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Engine engine(loop);
    const std::string first = co_await engine.submit("test_ok");
    bool refuses = true;
    std::size_t refused = 0;
    engine.api.trouble = [&](const cimi::Request& request) {
      MemoryApi::Trouble trouble;
      if (!refuses || request.path != first || !is_outcome(request)) return trouble;
      ++refused;
      trouble.kind = cimi::ReplyKind::Unavailable;
      return trouble;
    };
    co_await engine.start(one_slot());
    for (std::size_t times = 1; times <= 3; ++times) {
      const bool told = co_await eventually([&] { return refused >= times; });
      REQUIRE(told);
      const std::string other = co_await engine.submit("test_ok");
      const bool done = co_await eventually([&] { return engine.state(other) == "SUCCESS"; });
      CHECK(done);
    }
    CHECK(engine.state(first) == "RUNNING");
    refuses = false;
    const bool empty = co_await engine.emptied();
    CHECK(empty);
    CHECK(engine.state(first) == "SUCCESS");
    co_await engine.end();
  });
}

TEST_CASE("executor: a drain waits for outcomes on their way") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Engine engine(loop);
    const std::string first = co_await engine.submit("test_ok");
    Gate gate;
    engine.api.trouble = gate.watch();
    co_await engine.start(one_slot());
    const bool arrived = co_await eventually([&] { return !gate.arrived.empty(); });
    REQUIRE(arrived);
    engine.stop.request();
    co_await engine.rest(200ms);
    CHECK_FALSE(engine.ended);
    CHECK(engine.state(first) == "RUNNING");
    gate.opened->raise();
    const bool ended = co_await eventually([&] { return engine.ended; });
    CHECK(ended);
    CHECK(engine.state(first) == "SUCCESS");
    co_await engine.end();
  });
}

TEST_CASE("executor: while jobs are short, the next one is taken and read ahead of a free slot") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Engine engine(loop);
    co_await engine.start(one_slot());
    const bool known = co_await engine.run_short_ones();
    REQUIRE(known);
    Occupied slot;
    const bool occupied = co_await occupy(engine, slot);
    REQUIRE(occupied);
    slot.next = engine.api.add_job("test_ok");
    const std::string further = engine.api.add_job("test_ok");
    co_await engine.queue.put(slot.next, 10);
    co_await engine.queue.put(further, 20);
    const bool read = co_await eventually([&] { return slot.next_read; });
    CHECK(read);
    // Half as many as there are slots, and one.
    const std::size_t taken = co_await engine.taken();
    CHECK(taken <= 2);
    CHECK_FALSE(slot.next_begun);
    slot.opened->raise();
    const bool empty = co_await engine.emptied();
    CHECK(empty);
    CHECK(engine.state(slot.next) == "SUCCESS");
    CHECK(engine.state(further) == "SUCCESS");
    co_await engine.end();
  });
}

TEST_CASE("executor: nothing is taken ahead before jobs are known to be short") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Engine engine(loop);
    co_await engine.start(one_slot());
    Occupied slot;
    const bool occupied = co_await occupy(engine, slot);
    REQUIRE(occupied);
    slot.next = engine.api.add_job("test_ok");
    co_await engine.queue.put(slot.next, 10);
    co_await engine.rest(500ms);
    CHECK_FALSE(slot.next_read);
    const std::size_t taken = co_await engine.taken();
    CHECK(taken == 1);
    slot.opened->raise();
    const bool empty = co_await engine.emptied();
    CHECK(empty);
    co_await engine.end();
  });
}

TEST_CASE("executor: what was taken ahead and finds no slot soon is given back, once") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Engine engine(loop);
    co_await engine.start(one_slot());
    const bool known = co_await engine.run_short_ones();
    REQUIRE(known);
    Occupied slot;
    const bool occupied = co_await occupy(engine, slot);
    REQUIRE(occupied);
    slot.next = engine.api.add_job("test_ok");
    co_await engine.queue.put(slot.next, 10);
    const bool read = co_await eventually([&] { return slot.next_read; });
    REQUIRE(read);
    queue::Depth depth;
    for (int i = 0; i < 500; ++i) {
      depth = co_await engine.queue.depth();
      if (depth.taken == 1) break;
      co_await engine.rest(10ms);
    }
    CHECK(depth.taken == 1);
    // A job that lasts says that others may last: nothing is taken ahead any more.
    slot.next_read = false;
    co_await engine.rest(500ms);
    CHECK_FALSE(slot.next_read);
    CHECK_FALSE(slot.next_begun);
    slot.opened->raise();
    const bool empty = co_await engine.emptied();
    CHECK(empty);
    CHECK(engine.state(slot.next) == "SUCCESS");
    co_await engine.end();
  });
}

TEST_CASE("executor: a drain gives back what was taken ahead, and no attempt of it has died") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const zookeeper::SessionOptions options = session_options();
    Engine engine(loop, options);
    co_await engine.start(one_slot());
    const bool known = co_await engine.run_short_ones();
    REQUIRE(known);
    Occupied slot;
    const bool occupied = co_await occupy(engine, slot);
    REQUIRE(occupied);
    slot.next = engine.api.add_job("test_ok");
    co_await engine.queue.put(slot.next, 10);
    const bool read = co_await eventually([&] { return slot.next_read; });
    REQUIRE(read);
    engine.stop.request();
    const auto session = zookeeper::make_session(loop, options);
    queue::LockingQueue other(*session);
    std::optional<queue::TakenEntry> entry = co_await other.take(engine.never);
    REQUIRE(entry);
    CHECK(entry->data() == slot.next);
    REQUIRE(entry->record());
    CHECK(entry->record()->unclean_before(entry->attempt()) == 0);
    CHECK_FALSE(slot.next_begun);
    CHECK_FALSE(engine.ended);
    slot.opened->raise();
    const bool ended = co_await eventually([&] { return engine.ended; });
    CHECK(ended);
    CHECK(engine.state(slot.job) == "SUCCESS");
    CHECK(engine.state(slot.next) == "QUEUED");
    co_await session->close();
    co_await engine.end();
  });
}
