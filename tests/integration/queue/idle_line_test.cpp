// Who is woken by a put, and what happens when that one is not there.
#include <set>

#include "common/runtime/task_group.hpp"
#include "tests/integration/queue/queue_fixture.hpp"
#include "tests/servers/session_expiry.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;
using namespace std::chrono_literals;

namespace {

// Processes with one taker each, which consumes at once what it gets.
struct Fleet {
  Fleet(asio::io_context& loop, const std::string& hosts, int size) : group(loop.get_executor()) {
    for (int i = 0; i < size; ++i) {
      processes.push_back(std::make_unique<QueueProcess>(loop, hosts, QueueOptions()));
    }
  }

  static awaitable<void> serve(QueueProcess* process, std::multiset<std::string>* done) {
    for (;;) {
      auto entry = co_await process->entries->take(process->stop);
      if (!entry) co_return;
      const std::string data = entry->data();
      const auto finished = co_await process->entries->consume(std::move(*entry));
      if (finished == FinishOutcome::Done) done->insert(data);
    }
  }
  void start() {
    for (auto& process : processes) group.spawn(serve(process.get(), &done));
  }
  // The names in the line, in its order.
  static awaitable<std::set<std::string>> line(QueueProcess& observer) {
    const auto listing = co_await observer.session->children("/job/idle", nullptr);
    co_return std::set<std::string>(listing.names.begin(), listing.names.end());
  }
  static awaitable<void> await_line(QueueProcess& observer, std::size_t size) {
    const auto deadline = runtime::Clock::now() + 30s;
    std::size_t seen = size + 1;
    while (seen != size && runtime::Clock::now() < deadline) {
      const auto names = co_await line(observer);
      seen = names.size();
      runtime::Event never;
      if (seen != size) co_await never.wait_for(20ms);
    }
    REQUIRE(seen == size);
  }
  // Which of them is first in line.
  awaitable<QueueProcess*> head(QueueProcess& observer) {
    const auto names = co_await line(observer);
    REQUIRE_FALSE(names.empty());
    const std::string path = "/job/idle/" + *names.begin();
    const auto node = co_await observer.session->get(path, nullptr);
    for (auto& process : processes) {
      if (process->entries->taker_id() == node.data) co_return process.get();
    }
    throw std::runtime_error("the first in line is none of ours");
  }
  awaitable<void> stop() {
    for (auto& process : processes) process->stop.raise();
    co_await group.join();
    for (auto& process : processes) co_await process->stop_now();
  }

  std::vector<std::unique_ptr<QueueProcess>> processes;
  std::multiset<std::string> done;
  runtime::TaskGroup group;
};

std::uint64_t wake_ups(const Fleet& fleet) {
  std::uint64_t sum = 0;
  for (const auto& process : fleet.processes) sum += process->entries->counters().wake_ups;
  return sum;
}

}  // namespace

TEST_CASE("idle line: a put wakes at most three of twelve that wait", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    co_await zookeeper::ensure_path(*producer.session, "/");
    Fleet fleet(loop, hosts, 12);
    fleet.start();
    co_await Fleet::await_line(producer, 12);
    const auto before = wake_ups(fleet);
    constexpr std::size_t puts = 30;
    for (std::size_t i = 0; i < puts; ++i) {
      co_await producer.entries->put("job/" + std::to_string(i), 999);
      const bool served = co_await eventually([&] { return fleet.done.size() == i + 1; });
      REQUIRE(served);
    }
    co_await Fleet::await_line(producer, 12);
    const auto woken = wake_ups(fleet) - before;
    CHECK(woken >= puts / 2);  // a put may come before the watch for it is set again
    CHECK(woken <= 3 * puts);
    co_await fleet.stop();
    co_await producer.stop_now();
  });
}

TEST_CASE("idle line: many puts at once reach everybody in it", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    co_await zookeeper::ensure_path(*producer.session, "/");
    constexpr int size = 6;
    Fleet fleet(loop, hosts, size);
    std::multiset<std::string> held;
    auto hold = [](QueueProcess* process, std::multiset<std::string>* seen) -> awaitable<void> {
      auto entry = co_await process->take();
      seen->insert(entry.data());
    };
    for (auto& process : fleet.processes) fleet.group.spawn(hold(process.get(), &held));
    co_await Fleet::await_line(producer, size);
    std::vector<PutRequest> requests;
    for (int i = 0; i < size; ++i) requests.push_back({"job/" + std::to_string(i), 999});
    const auto began = runtime::Clock::now();
    co_await producer.entries->put_all(std::move(requests));
    co_await fleet.group.join();
    // Handed on from one to the next: nobody had to look by itself.
    CHECK(runtime::Clock::now() - began < 5s);
    REQUIRE(held.size() == size);
    // Whoever has what it wants does not stand in the others' way.
    co_await Fleet::await_line(producer, 0);
    co_await fleet.stop();
    co_await producer.stop_now();
  });
}

TEST_CASE("idle line: a put is taken though the first in line has died", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto& server = ZooKeeperServer::shared();
    const auto hosts = server.fresh_chroot();
    QueueProcess producer(loop, hosts);
    co_await zookeeper::ensure_path(*producer.session, "/");
    Fleet fleet(loop, hosts, 3);
    fleet.start();
    co_await Fleet::await_line(producer, 3);
    QueueProcess* head = co_await fleet.head(producer);
    SECTION("it goes in an orderly way") {
      head->stop.raise();
      co_await head->stop_now();
    }
    SECTION("its session ends, and it comes back with another") {
      co_await expire_session(server.port(), head->session->session_id());
    }
    for (int i = 0; i < 10; ++i) co_await producer.entries->put("job/" + std::to_string(i), 999);
    const bool served = co_await eventually([&] { return fleet.done.size() == 10; });
    REQUIRE(served);
    std::erase_if(fleet.processes, [](const auto& process) { return !process->entries; });
    co_await Fleet::await_line(producer, fleet.processes.size());
    co_await fleet.stop();
    co_await producer.stop_now();
  });
}

TEST_CASE("idle line: a first in line that does nothing stops nobody", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    co_await zookeeper::ensure_path(*producer.session, "/job/idle");
    // As one that is frozen: it keeps its place and watches nothing.
    co_await producer.session->create("/job/idle/idle-", "frozen",
                                      zookeeper::CreateMode::EphemeralSequential);
    Fleet fleet(loop, hosts, 3);
    fleet.start();
    co_await Fleet::await_line(producer, 4);
    for (int i = 0; i < 3; ++i) co_await producer.entries->put("job/" + std::to_string(i), 999);
    const bool served = co_await eventually([&] { return fleet.done.size() == 3; });
    REQUIRE(served);
    co_await fleet.stop();
    co_await producer.stop_now();
  });
}

TEST_CASE("idle line: what the first puts back for later goes to another", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    QueueProcess cannot(loop, hosts);
    auto refuse = [](QueueProcess* process) -> awaitable<void> {
      for (;;) {
        auto entry = co_await process->entries->take(process->stop);
        if (!entry) co_return;
        co_await process->entries->release(std::move(*entry), runtime::Clock::now() + 1h);
      }
    };
    runtime::TaskGroup group(loop.get_executor());
    co_await zookeeper::ensure_path(*producer.session, "/");
    group.spawn(refuse(&cannot));
    co_await Fleet::await_line(producer, 1);
    Fleet fleet(loop, hosts, 1);
    fleet.start();
    co_await Fleet::await_line(producer, 2);
    co_await producer.entries->put("job/1", 999);
    const bool served = co_await eventually([&] { return fleet.done.size() == 1; });
    REQUIRE(served);
    cannot.stop.raise();
    co_await group.join();
    co_await fleet.stop();
    co_await cannot.stop_now();
    co_await producer.stop_now();
  });
}

TEST_CASE("idle line: a lost answer leaves nobody in the line who does not know it",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    QueueProcess producer(loop, hosts);
    co_await zookeeper::ensure_path(*producer.session, "/job/idle");
    Fleet fleet(loop, hosts, 1);
    const auto what = GENERATE(Lost::Answer, Lost::Request);
    fleet.processes.front()->session->lose_next(Call::Create, what);
    fleet.processes.front()->session->lose_next(Call::Remove, what);
    fleet.start();
    co_await Fleet::await_line(producer, 1);
    for (int i = 0; i < 3; ++i) {
      co_await producer.entries->put("job/" + std::to_string(i), 999);
      const auto expected = static_cast<std::size_t>(i) + 1;
      const bool served = co_await eventually([&] { return fleet.done.size() == expected; });
      REQUIRE(served);
      co_await Fleet::await_line(producer, 1);
    }
    co_await fleet.stop();
    co_await producer.stop_now();
  });
}
