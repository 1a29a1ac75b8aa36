// From stored jobs to queue entries, with a real job-api and a real ZooKeeper.
#include <catch2/catch.hpp>
#include <set>

#include "api/feed/queue_feed.hpp"
#include "common/cimi/client.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/runtime/task_group.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/servers/kazoo_peer.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;
using std::chrono::seconds;

ApiServerOptions options_with(const std::string& zk_hosts,
                              std::vector<std::string> arguments = {}) {
  ApiServerOptions options;
  options.zk_hosts = zk_hosts;
  options.arguments = {"--zk-session-timeout", "4s"};
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  return options;
}

// A client of the API and a look at its queue.
struct Bench {
  std::unique_ptr<cimi::Client> client;
  std::unique_ptr<zookeeper::Session> session;
  std::unique_ptr<queue::LockingQueue> queue;

  Bench(asio::io_context& loop, const ApiServer& server, const std::string& zk_hosts) {
    cimi::ClientOptions options;
    options.url = server.url();
    options.user = api_admin;
    options.password = api_password;
    client = cimi::make_http_client(loop, options);
    session = zookeeper::make_session(loop, zookeeper::parse_hosts({zk_hosts}));
    queue::QueueOptions queue_options;
    queue_options.head_window = 1;  // strictly in order
    queue = std::make_unique<queue::LockingQueue>(*session, queue_options);
  }
};

awaitable<std::string> post_job(Bench* bench, json job) {
  if (!job.contains("action")) job["action"] = "dummy_test_action";
  const auto reply = co_await bench->client->add("job", job);
  INFO(reply.message);
  REQUIRE(reply.ok());
  co_return reply.location;
}

json with_priority(int priority) {
  json job;
  job["priority"] = priority;
  return job;
}

// Waits until the queue holds `count` entries and returns the job ids in order of service.
awaitable<std::vector<std::string>> queued(Bench* bench, std::size_t count) {
  const auto deadline = runtime::Clock::now() + seconds(90);
  std::vector<queue::ListedEntry> entries;
  runtime::Event never;
  while (runtime::Clock::now() < deadline) {
    entries = co_await bench->queue->list();
    if (entries.size() == count) break;
    co_await never.wait_for(std::chrono::milliseconds(10));
  }
  CHECK(entries.size() == count);
  std::vector<std::string> ids;
  for (const auto& entry : entries) {
    const auto data = co_await bench->queue->data_of(entry.name);
    ids.push_back(data.value_or("gone"));
  }
  co_return ids;
}

// Waits until job-api has noted the entry of that job, and returns its tags.
awaitable<json> tags_of(Bench* bench, std::string id) {
  const auto deadline = runtime::Clock::now() + seconds(90);
  runtime::Event never;
  const json waiting = {"awaits-entry"};
  json tags;
  while ((tags.is_null() || tags == waiting) && runtime::Clock::now() < deadline) {
    const auto reply = co_await bench->client->get(id);
    tags = reply.document.value("tags", json());
    co_await never.wait_for(std::chrono::milliseconds(10));
  }
  co_return tags;
}

TEST_CASE("feed: a new job gets its entry, a pulled one does not", "[api][zookeeper]") {
  const auto hosts = ZooKeeperServer::shared().fresh_chroot();
  const ApiServer server(options_with(hosts));
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    json pulled;
    pulled["execution-mode"] = "pull";
    co_await post_job(&bench, pulled);
    const auto urgent = with_priority(50);
    const auto id = co_await post_job(&bench, urgent);
    const auto ids = co_await queued(&bench, 1);
    CHECK(ids == std::vector<std::string>{id});
    const auto tags = co_await tags_of(&bench, id);
    CHECK(tags == json({"/job/entries/entry-050-0000000000"}));
    co_await bench.session->close();
  };
  run_on_loop(body, seconds(180));
}

TEST_CASE("kazoo: takes, holds, releases and consumes what the API pushed", "[api][kazoo]") {
  const auto hosts = ZooKeeperServer::shared().fresh_chroot();
  const ApiServer server(options_with(hosts));
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    const auto later = co_await post_job(&bench, with_priority(60));
    const auto sooner = co_await post_job(&bench, with_priority(50));
    co_await queued(&bench, 2);
    auto peer = co_await KazooPeer::start(hosts);
    const auto taken = co_await peer.ask("get 20");
    CHECK(taken == sooner);
    const auto held = co_await bench.queue->depth();
    CHECK(held.taken == 1);
    const auto released = co_await peer.ask("release");
    CHECK(released == "True");
    const auto again = co_await peer.ask("get 20");
    CHECK(again == sooner);
    co_await peer.ask("consume");
    const auto last = co_await peer.ask("get 20");
    CHECK(last == later);
    co_await peer.ask("consume");
    const auto left = co_await bench.queue->depth();
    CHECK(left.entries == 0);
    co_await bench.session->close();
  };
  run_on_loop(body, seconds(180));
}

TEST_CASE("feed: without a priority a job comes last", "[api][zookeeper]") {
  const auto hosts = ZooKeeperServer::shared().fresh_chroot();
  const ApiServer server(options_with(hosts));
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    const auto last = co_await post_job(&bench, json::object());
    const auto urgent = with_priority(10);
    const auto first = co_await post_job(&bench, urgent);
    const auto ids = co_await queued(&bench, 2);
    CHECK(ids == std::vector<std::string>{first, last});
    co_await bench.session->close();
  };
  run_on_loop(body, seconds(180));
}

// Holds one job that waits for its entry, and fails the first reads.
class FailingStore : public api::store::Store {
 public:
  static constexpr int failures = 2;

  awaitable<std::int64_t> awaiting_count() override {
    if (++counted_ <= failures) {
      throw api::store::StoreUnavailable(api::store::StoreUnavailable::Cause::Failing,
                                         "disk I/O error");
    }
    co_return noted ? 0 : 1;
  }
  awaitable<std::vector<api::store::AwaitingEntry>> awaiting_entries(std::int64_t) override {
    std::vector<api::store::AwaitingEntry> entries;
    if (!noted) entries.push_back({"job/1", 50});
    co_return entries;
  }
  awaitable<void> entries_made(std::vector<EntryMade> made) override {
    noted = !made.empty();
    co_return;
  }
  void observe(api::store::CommitObserver) override {}
  void publish_in(telemetry::Metrics&) override {}
  std::string write_trouble() const override { return {}; }
  awaitable<std::optional<api::store::StoredDocument>> get(std::string) override {
    co_return std::nullopt;
  }
  awaitable<std::optional<api::store::StoredText>> get_text(std::string) override {
    co_return std::nullopt;
  }
  awaitable<api::store::SearchResult> search(api::store::SearchRequest) override {
    co_return api::store::SearchResult();
  }
  awaitable<std::vector<std::optional<api::store::StoredDocument>>> change(
      std::vector<api::store::Change>) override {
    co_return std::vector<std::optional<api::store::StoredDocument>>();
  }
  awaitable<std::vector<std::string>> add(std::vector<api::store::NewDocument>) override {
    co_return std::vector<std::string>();
  }
  awaitable<std::int64_t> remove_matching(api::store::SearchRequest) override { co_return 0; }
  awaitable<void> remove_paced(api::store::SearchRequest, api::store::Pace) override { co_return; }
  awaitable<void> tidy(api::store::Pace) override { co_return; }
  awaitable<Matched> change_matching(api::store::SearchRequest, api::store::Decide) override {
    co_return Matched();
  }
  awaitable<api::store::LogAppended> append_log(api::store::LogAppend) override {
    co_return api::store::LogAppended();
  }
  awaitable<api::store::LogPage> read_log(api::store::LogQuery) override {
    co_return api::store::LogPage();
  }
  awaitable<std::optional<std::string>> setting(std::string) override { co_return std::nullopt; }
  awaitable<void> put_setting(std::string, std::string) override { co_return; }

  bool noted = false;

 private:
  int counted_ = 0;
};

TEST_CASE("feed: a store that fails for a while does not end it", "[api][zookeeper]") {
  const auto hosts = ZooKeeperServer::shared().fresh_chroot();
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    const auto session = zookeeper::make_session(loop, zookeeper::parse_hosts({hosts}));
    queue::LockingQueue its_queue(*session);
    FailingStore store;
    telemetry::Metrics metrics;
    api::feed::QueueFeedOptions options;
    api::feed::QueueFeed feed(loop, *session, its_queue, store, metrics, options);
    feed.start();
    auto noted = [&store] { return store.noted; };
    const bool pushed = co_await eventually(noted);
    CHECK(pushed);
    const auto depth = co_await its_queue.depth();
    CHECK(depth.entries == 1);
    feed.ask_to_stop();
    co_await session->close();
    co_await feed.joined();
  };
  run_on_loop(body, seconds(180));
}

TEST_CASE("feed: if ZooKeeper is away the POST still succeeds", "[api][zookeeper]") {
  ZooKeeperServer zookeeper;
  const auto hosts = zookeeper.fresh_chroot();
  const ApiServer server(options_with(hosts));
  std::vector<std::string> posted;
  auto before = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    posted.push_back(co_await post_job(&bench, json::object()));
    co_await queued(&bench, 1);
    co_await bench.session->close();
  };
  run_on_loop(before, seconds(180));
  zookeeper.kill();
  auto away = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    for (int count = 0; count < 3; ++count) {
      posted.push_back(co_await post_job(&bench, json::object()));
    }
    co_await bench.session->close();
  };
  run_on_loop(away, seconds(180));
  zookeeper.restart();
  auto after = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    const auto ids = co_await queued(&bench, 4);
    CHECK(ids == posted);
    co_await bench.session->close();
  };
  run_on_loop(after, seconds(180));
}

TEST_CASE("feed: beyond the capacity jobs wait and come in order as the queue drains",
          "[api][zookeeper]") {
  const auto hosts = ZooKeeperServer::shared().fresh_chroot();
  const ApiServer server(options_with(hosts, {"--queue-capacity", "10"}));
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    std::vector<std::string> posted;
    for (int count = 0; count < 30; ++count) {
      posted.push_back(co_await post_job(&bench, json::object()));
    }
    co_await queued(&bench, 10);
    std::vector<std::string> served;
    runtime::Event stop;
    while (served.size() < posted.size()) {
      auto entry = co_await bench.queue->take(stop);
      REQUIRE(entry);
      served.push_back(entry->data());
      const auto finished = co_await bench.queue->consume(std::move(*entry));
      CHECK(finished == queue::FinishOutcome::Done);
      const auto depth = co_await bench.queue->depth();
      CHECK(depth.entries <= 10);
    }
    CHECK(served == posted);
    co_await bench.session->close();
  };
  run_on_loop(body, seconds(180));
}

TEST_CASE("feed: an array of jobs fills the queue up to its capacity and comes in order",
          "[api][zookeeper]") {
  const auto hosts = ZooKeeperServer::shared().fresh_chroot();
  const ApiServer server(options_with(hosts, {"--queue-capacity", "300"}));
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    json list = json::array();
    for (int i = 0; i < 1000; ++i) list.push_back({{"action", "a"}, {"priority", 100 + i % 2}});
    const auto reply = co_await bench.client->add("job", list);
    INFO(reply.message);
    REQUIRE(reply.ok());
    std::vector<std::string> expected;
    for (const std::size_t odd : {0U, 1U}) {
      for (std::size_t i = odd; i < 1000; i += 2) {
        expected.push_back(reply.document[i].at("resource-id"));
      }
    }
    const auto full = co_await queued(&bench, 300);
    CHECK(full == std::vector<std::string>(expected.begin(), expected.begin() + 300));
    // Drained as it is fed: nothing is missing and nothing comes out of turn.
    std::vector<std::string> served;
    runtime::Event never;
    while (served.size() < expected.size()) {
      auto taken = co_await bench.queue->take(never);
      REQUIRE(taken);
      served.push_back(taken->data());
      co_await bench.queue->consume(std::move(*taken));
    }
    CHECK(served == expected);
    co_await bench.session->close();
  };
  run_on_loop(body, seconds(180));
}

TEST_CASE("feed: the capacity never holds back urgency", "[api][zookeeper]") {
  const auto hosts = ZooKeeperServer::shared().fresh_chroot();
  const ApiServer server(options_with(hosts, {"--queue-capacity", "2"}));
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    std::vector<std::string> lazy;
    for (int count = 0; count < 5; ++count) {
      lazy.push_back(co_await post_job(&bench, json::object()));
    }
    co_await queued(&bench, 2);
    const auto urgent = with_priority(10);
    const auto first = co_await post_job(&bench, urgent);
    const auto ids = co_await queued(&bench, 3);
    CHECK(ids == std::vector<std::string>{first, lazy[0], lazy[1]});
    co_await bench.session->close();
  };
  run_on_loop(body, seconds(180));
}

TEST_CASE("feed: an entry made before a crash is not made again", "[api][zookeeper]") {
  ZooKeeperServer zookeeper;
  const auto hosts = zookeeper.fresh_chroot();
  ApiServer server(options_with(hosts));
  zookeeper.kill();
  std::string crashed;
  auto post = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    crashed = co_await post_job(&bench, json::object());
    co_await bench.session->close();
  };
  run_on_loop(post, seconds(180));
  // As if it had been killed between its push and noting it.
  server.kill();
  zookeeper.restart();
  std::string path;
  auto push = [&](asio::io_context& loop) -> awaitable<void> {
    const auto session = zookeeper::make_session(loop, zookeeper::parse_hosts({hosts}));
    queue::LockingQueue its_queue(*session);
    const auto reply = co_await its_queue.put(crashed, 999);
    path = reply.path;
    co_await session->close();
  };
  run_on_loop(push, seconds(180));
  server.restart();
  auto look = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    const auto tags = co_await tags_of(&bench, crashed);
    CHECK(tags == json({path}));
    const auto other = co_await post_job(&bench, json::object());
    const auto ids = co_await queued(&bench, 2);
    CHECK(ids == std::vector<std::string>{crashed, other});
    co_await bench.session->close();
  };
  run_on_loop(look, seconds(180));
}

// Posts jobs until `posted` says that there are enough, or the server is gone.
awaitable<void> post_many(Bench* bench, std::size_t* posted, std::size_t enough) {
  json job;
  job["action"] = "dummy_test_action";
  while (*posted < enough) {
    const auto reply = co_await bench->client->add("job", job);
    if (!reply.ok()) co_return;
    ++*posted;
  }
}

TEST_CASE("feed: killed at any moment, each stored job has exactly one entry in the end",
          "[api][zookeeper]") {
  const auto hosts = ZooKeeperServer::shared().fresh_chroot();
  ApiServer server(options_with(hosts));
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    std::size_t posted = 0;
    for (const std::size_t enough : {37U, 80U, 151U, 260U}) {
      runtime::TaskGroup clients(loop.get_executor());
      for (int client = 0; client < 8; ++client) {
        clients.spawn(post_many(&bench, &posted, enough));
      }
      co_await clients.join();
      server.kill();
      server.restart();
    }
    cimi::Search all;
    all.last = 0;
    const auto stored = co_await bench.client->search("job", all);
    REQUIRE(stored.ok());
    const auto count = stored.document["count"].get<std::size_t>();
    CHECK(count >= posted);
    const auto ids = co_await queued(&bench, count);
    CHECK(std::set<std::string>(ids.begin(), ids.end()).size() == count);
    co_await bench.session->close();
  };
  run_on_loop(body, seconds(180));
}

TEST_CASE("feed: a job cancelled while it waits never gets an entry", "[api][zookeeper]") {
  const auto hosts = ZooKeeperServer::shared().fresh_chroot();
  const ApiServer server(options_with(hosts, {"--queue-capacity", "1"}));
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, server, hosts);
    const auto first = co_await post_job(&bench, json::object());
    co_await queued(&bench, 1);
    const auto cancelled = co_await post_job(&bench, json::object());
    const auto last = co_await post_job(&bench, json::object());
    const auto reply = co_await bench.client->operation(cancelled, "cancel");
    CHECK(reply.ok());
    runtime::Event stop;
    std::vector<std::string> served;
    for (int count = 0; count < 2; ++count) {
      auto entry = co_await bench.queue->take(stop);
      REQUIRE(entry);
      served.push_back(entry->data());
      co_await bench.queue->consume(std::move(*entry));
    }
    CHECK(served == std::vector<std::string>{first, last});
    co_await bench.session->close();
  };
  run_on_loop(body, seconds(180));
}

}  // namespace
}  // namespace jobengine::tests
