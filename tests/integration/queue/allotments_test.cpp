// Several processes with a backlog before them keep out of each other's way.
#define THREADED  // its blocking calls
#include <zookeeper/zookeeper.h>

#include <set>

#include "common/runtime/task_group.hpp"
#include "tests/integration/queue/queue_fixture.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;
using namespace std::chrono_literals;

namespace {

const std::string allotted_node = "/job/allotted";

// Makes the node so that nobody may read or write it. Returns what the C client says.
int forbid(const std::string& hosts) {
  const auto slash = hosts.find('/');
  zhandle_t* handle =
      zookeeper_init(hosts.substr(0, slash).c_str(), nullptr, 10000, nullptr, nullptr, 0);
  ACL nothing{ZOO_PERM_ADMIN, ZOO_ANYONE_ID_UNSAFE};
  const ACL_vector acl{1, &nothing};
  const std::string path = hosts.substr(slash) + allotted_node;
  const int result = zoo_create(handle, path.c_str(), "", 0, &acl, 0, nullptr, 0);
  zookeeper_close(handle);
  return result;
}

struct Crowd {
  Crowd(asio::io_context& loop, const std::string& hosts, int size) : group(loop.get_executor()) {
    for (int i = 0; i < size; ++i) {
      processes.push_back(std::make_unique<QueueProcess>(loop, hosts, QueueOptions()));
    }
  }

  static awaitable<void> fill(QueueProcess& producer, int entries) {
    std::vector<PutRequest> requests;
    for (int i = 0; i < entries; ++i) requests.push_back({"job/" + std::to_string(i), 500});
    co_await producer.entries->put_all(std::move(requests));
  }

  // Until `wanted` are done; each is held for a moment, so that others meet its lock.
  awaitable<void> serve(QueueProcess* process) {
    runtime::Event never;
    for (;;) {
      auto entry = co_await process->entries->take(process->stop);
      if (!entry) co_return;
      const std::string data = entry->data();
      co_await never.wait_for(2ms);
      const auto finished = co_await process->entries->consume(std::move(*entry));
      if (finished == FinishOutcome::Done) done.insert(data);
      if (done.size() >= wanted) all_done.raise();
    }
  }

  awaitable<void> work(std::size_t takers, std::size_t entries) {
    wanted = entries;
    for (auto& process : processes) {
      for (std::size_t i = 0; i < takers; ++i) group.spawn(serve(process.get()));
    }
    co_await all_done.wait_until(runtime::Clock::now() + 60s);
    for (auto& process : processes) process->stop.raise();
    co_await group.join();
  }
  awaitable<void> stop() {
    for (auto& process : processes) co_await process->stop_now();
  }

  std::size_t jobs() const { return std::set<std::string>(done.begin(), done.end()).size(); }
  std::uint64_t sum(std::uint64_t QueueCounters::* counted) const {
    std::uint64_t all = 0;
    for (const auto& process : processes) all += process->entries->counters().*counted;
    return all;
  }

  std::vector<std::unique_ptr<QueueProcess>> processes;
  runtime::TaskGroup group;
  std::multiset<std::string> done;
  std::size_t wanted = 0;
  runtime::Event all_done;
};

}  // namespace

TEST_CASE("allotments: processes that work off a backlog lose hardly a race",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    constexpr int entries = 1500;
    co_await Crowd::fill(producer, entries);
    Crowd crowd(loop, hosts, 3);
    co_await crowd.work(8, entries);
    CHECK(crowd.done.size() == entries);
    CHECK(crowd.jobs() == entries);
    CHECK(crowd.sum(&QueueCounters::allotments) > 5);
    const auto lost = crowd.sum(&QueueCounters::lost_races);
    CHECK(lost < entries / 5);
    co_await crowd.stop();
    co_await producer.stop_now();
  });
}

TEST_CASE("allotments: what one was allotted and left is taken by another", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    constexpr int entries = 400;
    co_await Crowd::fill(producer, entries);
    Crowd first(loop, hosts, 1);
    co_await first.work(4, 100);
    CHECK(first.sum(&QueueCounters::allotments) > 0);
    co_await first.stop();
    Crowd second(loop, hosts, 1);
    co_await second.work(4, entries - first.done.size());
    CHECK(first.done.size() + second.done.size() == entries);
    CHECK(first.jobs() + second.jobs() == entries);
    co_await second.stop();
    co_await producer.stop_now();
  });
}

TEST_CASE("allotments: those of a backlog keep nobody from many that are more urgent",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    co_await Crowd::fill(producer, 600);
    QueueProcess taker(loop, hosts, QueueOptions());
    for (int i = 0; i < 40; ++i) {
      auto entry = co_await taker.take();
      co_await taker.entries->consume(std::move(entry));
    }
    CHECK(taker.entries->counters().allotments > 0);
    std::vector<PutRequest> urgent(100, PutRequest{"job/urgent", 7});
    co_await producer.entries->put_all(std::move(urgent));
    std::size_t others = 0;
    for (int taken = 0; taken < 100;) {
      auto entry = co_await taker.take();
      const bool is_urgent = entry.data() == "job/urgent";
      co_await taker.entries->consume(std::move(entry));
      taken += is_urgent ? 1 : 0;
      others += is_urgent ? 0 : 1;
    }
    CHECK(others < 400);
    co_await taker.stop_now();
    co_await producer.stop_now();
  });
}

TEST_CASE("allotments: without the right to them, or with garbage in them, takes go on",
          "[queue][zookeeper]") {
  const std::string data = GENERATE(std::string("\xff{garbage"), std::string());
  run_on_loop([data](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    constexpr int entries = 200;
    co_await Crowd::fill(producer, entries);
    if (data.empty()) {
      REQUIRE(forbid(hosts) == ZOK);
    } else {
      co_await producer.session->create(allotted_node, data, zookeeper::CreateMode::Persistent);
    }
    Crowd crowd(loop, hosts, 2);
    co_await crowd.work(4, entries);
    CHECK(crowd.jobs() == entries);
    if (!data.empty()) {
      const auto after = co_await producer.session->get(allotted_node, nullptr);
      CHECK(after.data.starts_with("{\"before\":"));
    } else {
      CHECK(crowd.sum(&QueueCounters::allotments) == 0);
    }
    co_await crowd.stop();
    co_await producer.stop_now();
  });
}
