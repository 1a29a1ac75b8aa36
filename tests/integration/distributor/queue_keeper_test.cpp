// The queue keeper between a real queue and an API in memory.
#include "distributor/queue_keeper.hpp"

#include <catch2/catch.hpp>

#include "common/job/job.hpp"
#include "common/repair/queue_look.hpp"
#include "common/runtime/task_group.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "distributor/distribution_leader.hpp"
#include "distributor/distribution_settings.hpp"
#include "tests/integration/distributor/memory_api.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::distributor;
using namespace std::chrono_literals;
using nlohmann::json;
using tests::MemoryApi;
using tests::run_on_loop;
using tests::ZooKeeperServer;

namespace {

// A keeper that looks every 50 ms and has little patience, its queue and its API.
struct Scene {
  explicit Scene(asio::io_context& loop, std::size_t capacity = 10000)
      : session(zookeeper::make_session(
            loop, zookeeper::parse_hosts({ZooKeeperServer::shared().fresh_chroot()}))),
        queue(*session),
        statsd(loop, ""),
        instruments(metrics, statsd, keeper_name),
        keepers(loop.get_executor()) {
    KeeperOptions options{TickSchedule::every(50ms), repair::RepairLimits{}};
    options.limits.grace = 300ms;
    options.limits.settle = 100ms;
    options.limits.capacity = capacity;
    keeper = std::make_unique<QueueKeeper>(options, api, queue, metrics, instruments);
    leader = std::make_unique<DistributionLeader>(*session, *keeper, instruments);
  }

  std::string job(const char* state, json attributes = json::object()) {
    attributes["state"] = state;
    attributes["action"] = "a";
    if (!attributes.contains("execution-mode")) attributes["execution-mode"] = "push";
    attributes["created"] = text(now() - 1h + ++age * 1s);
    return api.put("job", std::move(attributes));
  }
  void begin() {
    keepers.spawn(leader->lead([] { return true; }, over));
  }
  awaitable<void> end() {
    over.raise();
    co_await keepers.join();
    co_await session->close();
  }
  // The ids in the queue, in the order of service.
  awaitable<std::vector<std::string>> content() {
    std::vector<std::string> ids;
    const auto entries = co_await queue.list();
    for (const queue::ListedEntry& entry : entries) {
      const auto data = co_await queue.data_of(entry.name);
      if (data) ids.push_back(*data);
    }
    co_return ids;
  }
  awaitable<bool> comes_to_hold(std::vector<std::string> wanted) {
    const auto deadline = runtime::Clock::now() + 30s;
    runtime::Event never;
    while (runtime::Clock::now() < deadline) {
      const auto held = co_await content();
      if (held == wanted) co_return true;
      co_await never.wait_for(20ms);
    }
    co_return false;
  }

  MemoryApi api;
  std::unique_ptr<zookeeper::Session> session;
  queue::LockingQueue queue;
  telemetry::Metrics metrics;
  telemetry::Statsd statsd;
  DistributionMetrics instruments;
  std::unique_ptr<QueueKeeper> keeper;
  std::unique_ptr<DistributionLeader> leader;
  runtime::Event over;
  runtime::TaskGroup keepers;
  int age = 0;
};

json with(const char* attribute, json value) {
  json result;
  result[attribute] = std::move(value);
  return result;
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("queue keeper: a wiped queue is filled again from the store, in its order",
          "[distributor][keeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop);
    const std::string plain = scene.job("QUEUED");
    const std::string urgent = scene.job("QUEUED", with("priority", 5));
    const std::string running = scene.job("RUNNING");
    const std::string mixed = scene.job("QUEUED", with("execution-mode", "mixed"));
    scene.job("QUEUED", with("execution-mode", "pull"));
    scene.job("RUNNING", with("tags", json::array({"monitor"})));
    scene.job("QUEUED", with("tags", json::array({"awaits-entry"})));
    scene.job("SUCCESS");
    scene.begin();
    // Last: whoever ran it gets time to notice that its lock is gone.
    Ids wanted{urgent, plain, mixed, running};
    const bool repaired = co_await scene.comes_to_hold(std::move(wanted));
    CHECK(repaired);
    co_await scene.end();
  });
}

TEST_CASE("queue keeper: entries of final and missing jobs, garbage and duplicates are removed",
          "[distributor][keeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop);
    const std::string alive = scene.job("QUEUED");
    const std::string canceled = scene.job("CANCELED");
    const std::string pulled = scene.job("QUEUED", with("execution-mode", "pull"));
    Ids put{alive, canceled, "job/gone", "gar\nbage", alive, pulled};
    for (const std::string& id : put) co_await scene.queue.put(id, 50);
    scene.begin();
    Ids wanted{alive, pulled};
    const bool repaired = co_await scene.comes_to_hold(std::move(wanted));
    CHECK(repaired);
    co_await scene.end();
  });
}

TEST_CASE("queue keeper: an entry that somebody holds stays, whatever it is",
          "[distributor][keeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop);
    co_await scene.queue.put("job/held", 10);
    runtime::Event stop;
    auto taken = co_await scene.queue.take(stop);
    REQUIRE(taken);
    co_await scene.queue.put("job/gone", 50);
    scene.begin();
    Ids wanted{"job/held"};
    const bool repaired = co_await scene.comes_to_hold(std::move(wanted));
    CHECK(repaired);
    co_await scene.end();
  });
}

TEST_CASE("queue keeper: what waits in the store is fed in as the queue drains",
          "[distributor][keeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, /*capacity=*/3);
    Ids ids;
    for (int i = 0; i < 9; ++i) ids.push_back(scene.job("QUEUED"));
    scene.begin();
    runtime::Event stop;
    for (int i = 0; i < 9; ++i) {
      auto taken = co_await scene.queue.take(stop);
      REQUIRE(taken);
      const auto depth = co_await scene.queue.depth();
      CHECK(depth.entries <= 3);
      scene.api.at(taken->data())["state"] = "SUCCESS";
      std::erase(ids, taken->data());
      co_await scene.queue.consume(std::move(*taken));
    }
    CHECK(ids.empty());
    co_await scene.end();
  });
}

TEST_CASE("queue keeper: of many jobs that wait for job-api to feed them only the first are read",
          "[distributor][keeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop);
    const std::string first = scene.job("QUEUED");
    co_await scene.queue.put(first, queue::lowest_urgency);
    int pages = 0;
    const repair::FindJobs find = [&](cimi::Search) -> awaitable<std::optional<repair::JobRows>> {
      ++pages;
      repair::JobRows rows;
      for (int i = 0; pages <= 10 && i < repair::page_size; ++i) {
        json row = scene.api.at(first);
        if (pages > 1 || i > 0) {
          row["id"] = "job/" + std::to_string(pages) + "-" + std::to_string(i);
          row["tags"] = json::array({job::awaits_entry_tag});
        }
        rows.push_back(std::move(row));
      }
      co_return rows;
    };
    repair::QueueLook look(scene.queue, 10000);
    const repair::Suspicions none;
    const auto sight = co_await look.look(find, none, scene.over);
    REQUIRE(sight);
    CHECK(sight->jobs.size() == 1);
    CHECK(pages == 2);
    co_await scene.end();
  });
}

TEST_CASE("queue keeper: attempt records that outlived their entries are removed, others stay",
          "[distributor][keeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop);
    const std::string alive = scene.job("QUEUED");
    co_await scene.queue.put(alive, 50);
    runtime::Event stop;
    auto taken = co_await scene.queue.take(stop);
    REQUIRE(taken);
    queue::AttemptRecord record;
    record.checkpoint = "1";
    co_await scene.queue.keep_record(*taken, std::move(record));
    const std::string orphan = "/job/attempts/entry-050-0000000999";
    co_await scene.session->create(orphan, "{}", zookeeper::CreateMode::Persistent);
    scene.begin();
    const auto deadline = runtime::Clock::now() + 30s;
    Ids left;
    while (left.size() != 1 && runtime::Clock::now() < deadline) {
      co_await stop.wait_for(20ms);
      const auto listed = co_await scene.session->children("/job/attempts", nullptr);
      left = listed.names;
    }
    CHECK(left == Ids{taken->name().text()});
    co_await scene.end();
  });
}
