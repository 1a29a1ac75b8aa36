// Many more jobs than ZooKeeper is to hold, stored within seconds: a real job-api, a real
// ZooKeeper.
#include <algorithm>
#include <catch2/catch.hpp>

#include "common/cimi/client.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/runtime/task_group.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;
using runtime::Duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int32_t capacity = 500;
constexpr std::size_t array_size = 2000;
constexpr std::size_t arrays = 10;

ApiServerOptions options_with(const std::string& zk_hosts) {
  ApiServerOptions options;
  options.zk_hosts = zk_hosts;
  options.arguments = {"--zk-session-timeout", "4s", "--queue-capacity", std::to_string(capacity)};
  return options;
}

// A client of the API, one who takes in strict order, and one who watches.
struct Burst {
  Burst(asio::io_context& loop, const ApiServer& server, const std::string& zk_hosts)
      : tasks(loop.get_executor()) {
    cimi::ClientOptions options;
    options.url = server.url();
    options.user = api_admin;
    options.password = api_password;
    client = cimi::make_http_client(loop, options);
    session = zookeeper::make_session(loop, zookeeper::parse_hosts({zk_hosts}));
    watcher = zookeeper::make_session(loop, zookeeper::parse_hosts({zk_hosts}));
    queue::QueueOptions queue_options;
    queue_options.head_window = 1;
    queue = std::make_unique<queue::LockingQueue>(*session, queue_options);
  }

  // Stores one array; returns the ids in its order.
  awaitable<std::vector<std::string>> post(json list) {
    const std::size_t size = list.size();
    const auto reply = co_await client->add("job", std::move(list));
    INFO(reply.message);
    REQUIRE(reply.ok());
    REQUIRE(reply.document.size() == size);
    std::vector<std::string> ids;
    for (const json& one : reply.document) ids.push_back(one.at("resource-id"));
    co_return ids;
  }

  awaitable<void> take_one() {
    const auto began = runtime::Clock::now();
    auto entry = co_await queue->take(enough);
    if (!entry) co_return;
    served.push_back(entry->data());
    co_await queue->consume(std::move(*entry));
    times.push_back(runtime::Clock::now() - began);
  }
  // The middle one of the times of so many takes, each with its consume.
  awaitable<Duration> time_of(std::size_t takes) {
    times.clear();
    while (times.size() < takes) co_await take_one();
    std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(takes / 2),
                     times.end());
    co_return times[takes / 2];
  }

  // Looks at the number of entries as often as it can.
  awaitable<void> watch() {
    while (!watched_enough.raised()) {
      const auto folder = co_await watcher->exists("/job/entries", nullptr);
      if (folder.error == zookeeper::ZnodeError::Ok) {
        most_entries = std::max(most_entries, folder.stat.child_count);
        ++looks;
      }
      co_await runtime::pause(milliseconds(1), watched_enough);
    }
  }
  awaitable<void> close() {
    watched_enough.raise();
    co_await tasks.join();
    co_await session->close();
    co_await watcher->close();
  }

  std::unique_ptr<cimi::Client> client;
  std::unique_ptr<zookeeper::Session> session;
  std::unique_ptr<zookeeper::Session> watcher;
  std::unique_ptr<queue::LockingQueue> queue;
  runtime::TaskGroup tasks;
  runtime::Event enough;
  runtime::Event watched_enough;
  std::vector<std::string> served;
  std::vector<Duration> times;
  std::int32_t most_entries = 0;
  std::size_t looks = 0;
};

json jobs(std::size_t count, std::size_t priorities) {
  json list = json::array();
  for (std::size_t i = 0; i < count; ++i) {
    list.push_back({{"action", "a"}, {"priority", 100 + i % priorities}});
  }
  return list;
}

awaitable<void> take_until(Burst& burst, runtime::Event& posted) {
  while (!posted.raised()) co_await burst.take_one();
}

bool is_start(const std::vector<std::string>& part, const std::vector<std::string>& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin());
}

}  // namespace

TEST_CASE("feed burst: 20 000 jobs at once neither fill ZooKeeper nor hold up who takes",
          "[api][zookeeper]") {
  const auto hosts = ZooKeeperServer::shared().fresh_chroot();
  const ApiServer server(options_with(hosts));
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Burst burst(loop, server, hosts);
    burst.tasks.spawn(burst.watch());
    std::vector<std::string> posted = co_await burst.post(jobs(400, 1));
    const Duration alone = co_await burst.time_of(300);
    runtime::TaskGroup takers(loop.get_executor());
    runtime::Event all_posted;
    const std::size_t before = burst.served.size();
    takers.spawn(take_until(burst, all_posted));
    for (std::size_t i = 0; i < arrays; ++i) {
      const auto ids = co_await burst.post(jobs(array_size, 1));
      posted.insert(posted.end(), ids.begin(), ids.end());
    }
    const std::size_t meanwhile = burst.served.size() - before;
    all_posted.raise();
    co_await takers.join();
    const Duration behind = co_await burst.time_of(1000);
    CAPTURE(meanwhile, burst.most_entries, burst.looks, alone.count(), behind.count());
    // Some hundreds in truth: nobody waited for the burst to end.
    CHECK(meanwhile >= 20);
    CHECK(behind <= 3 * alone + milliseconds(2));
    CHECK(burst.most_entries <= capacity);
    CHECK(burst.most_entries >= capacity - 10);  // the watch has seen it full
    CHECK(is_start(burst.served, posted));
    co_await burst.close();
  };
  run_on_loop(body, seconds(180));
}

TEST_CASE("feed burst: with several priorities there are never more than twice as many",
          "[api][zookeeper]") {
  const auto hosts = ZooKeeperServer::shared().fresh_chroot();
  const ApiServer server(options_with(hosts));
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Burst burst(loop, server, hosts);
    burst.tasks.spawn(burst.watch());
    std::vector<std::string> urgent;
    for (std::size_t i = 0; i < arrays; ++i) {
      const auto ids = co_await burst.post(jobs(array_size, 2));
      for (std::size_t job = 0; job < ids.size(); job += 2) urgent.push_back(ids[job]);
    }
    // By priority, then by creation, whatever array they came in.
    while (burst.served.size() < 1500) co_await burst.take_one();
    CAPTURE(burst.most_entries, burst.looks);
    CHECK(is_start(burst.served, urgent));
    CHECK(burst.most_entries <= 2 * capacity);
    co_await burst.close();
  };
  run_on_loop(body, seconds(180));
}

}  // namespace jobengine::tests
