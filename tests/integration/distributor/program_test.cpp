// job-distributor as a process, with real ZooKeeper and real job-api.
#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>
#include <csignal>
#include <set>
#include <sstream>

#include "common/election/election.hpp"
#include "common/job/job.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "ctl/development/free_port.hpp"
#include "distributor/schedule/instant.hpp"
#include "tests/integration/distributor/distributor_process.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// ZooKeeper and job-api for one test; made before the loop runs.
struct Servers {
  Servers() : zk_hosts(ZooKeeperServer::shared().fresh_chroot()), api(options(zk_hosts)) {}
  static ApiServerOptions options(const std::string& zk_hosts) {
    ApiServerOptions result;
    result.zk_hosts = zk_hosts;
    return result;
  }
  // The options of a distributor here that runs `distributions` and nothing else.
  std::vector<std::string> distributor(const std::string& name, const std::string& distributions) {
    auto arguments = connection_options(zk_hosts, api.url());
    const std::string all = "distributions:\n  cleanup_jobs: {enabled: false}\n" + distributions;
    const std::vector<std::string> more{"--name", name, "--config",
                                        files.file(name + ".yaml", all)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  std::string zk_hosts;
  ApiServer api;
  TemporaryDirectory files;
};

std::vector<distributor::Instant> ticks_of(const std::vector<json>& jobs) {
  std::vector<distributor::Instant> ticks;
  for (const json& job : jobs) {
    const std::string name = job.value("name", "");
    const auto tick = distributor::parse_instant(name.substr(name.find('@') + 1));
    REQUIRE(tick);
    ticks.push_back(*tick);
  }
  return ticks;
}

// Waits until the queue holds one entry and that has this priority.
awaitable<std::optional<queue::EntryName>> wait_for_entry(queue::LockingQueue& queue,
                                                          int priority) {
  const auto deadline = runtime::Clock::now() + 60s;
  runtime::Event never;
  while (runtime::Clock::now() < deadline) {
    const auto entries = co_await queue.list();
    if (entries.size() == 1 && entries[0].name.priority == priority) co_return entries[0].name;
    co_await never.wait_for(50ms);
  }
  co_return std::nullopt;
}

// The whole answer to a GET.
std::string page(std::uint16_t port, const std::string& path) {
  asio::ip::tcp::iostream stream("127.0.0.1", std::to_string(port));
  stream << "GET " << path << " HTTP/1.0\r\n\r\n" << std::flush;
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

constexpr const char* beat = "  beat: {every: 1s, overlap: allow}\n";

}  // namespace

TEST_CASE(
    "job-distributor: of two one works; when it is killed the other goes on, no tick is done twice",
    "[distributor][program]") {
  Servers servers;
  run_on_loop(
      [&servers](asio::io_context& loop) -> awaitable<void> {
        auto client = administrator(loop, servers.api.url());
        auto session = zookeeper::make_session(loop, zookeeper::parse_hosts({servers.zk_hosts}));
        election::Election election(*session, "/election/beat", "observer");
        std::map<std::string, std::unique_ptr<DistributorProcess>> both;
        for (const char* name : {"one", "two"}) {
          auto arguments = servers.distributor(name, beat);
          both[name] = std::make_unique<DistributorProcess>(loop, std::move(arguments));
        }
        auto jobs = co_await wait_for_jobs(*client, "beat", 3);
        REQUIRE(jobs.size() >= 3);
        std::vector<std::string> contenders;
        while (contenders.size() < 2) contenders = co_await election.contenders();
        const std::string leader = contenders.front();
        REQUIRE(both.contains(leader));
        both[leader]->signal(SIGKILL);
        co_await both[leader]->end();
        const std::size_t before = jobs.size();
        jobs = co_await wait_for_jobs(*client, "beat", before + 4);
        REQUIRE(jobs.size() >= before + 4);
        const auto ticks = ticks_of(jobs);
        CHECK(std::set<distributor::Instant>(ticks.begin(), ticks.end()).size() == ticks.size());
        for (const auto tick : ticks) CHECK((tick - ticks.front()) % 1s == 0ms);
        const auto contenders_left = co_await election.contenders();
        CHECK(contenders_left.front() != leader);
        co_await session->close();
      },
      180s);
}

TEST_CASE("job-distributor: SIGTERM ends it at once with 0, and a restart repeats no daily tick",
          "[distributor][program]") {
  Servers servers;
  run_on_loop(
      [&servers](asio::io_context& loop) -> awaitable<void> {
        auto client = administrator(loop, servers.api.url());
        const char* both = "  daily: {every: 24h}\n  beat: {every: 1s, overlap: allow}\n";
        for (int i = 0; i < 2; ++i) {
          auto arguments = servers.distributor("d", both);
          DistributorProcess distributor(loop, std::move(arguments));
          const auto known = co_await jobs_of(*client, "beat");
          const auto beats = co_await wait_for_jobs(*client, "beat", known.size() + 2);
          REQUIRE(beats.size() >= known.size() + 2);
          const auto asked = runtime::Clock::now();
          distributor.signal(SIGTERM);
          const int code = co_await distributor.end();
          CHECK(code == 0);
          CHECK(runtime::Clock::now() - asked < 20s);
        }
        const auto jobs = co_await jobs_of(*client, "daily");
        CHECK(jobs.size() == 1);
      },
      180s);
}

TEST_CASE("job-distributor: ready once ZooKeeper answers, and its metrics tell what it leads",
          "[distributor][program]") {
  Servers servers;
  run_on_loop(
      [&servers](asio::io_context& loop) -> awaitable<void> {
        auto client = administrator(loop, servers.api.url());
        const std::uint16_t port = development::free_port();
        auto arguments = servers.distributor("d", beat);
        arguments.insert(arguments.end(), {"--telemetry-port", std::to_string(port)});
        DistributorProcess distributor(loop, std::move(arguments));
        const auto beats = co_await wait_for_jobs(*client, "beat", 2);
        REQUIRE(beats.size() >= 2);
        CHECK(page(port, "/readyz").find("200 OK") != std::string::npos);
        const std::string metrics = page(port, "/metrics");
        CHECK(metrics.find("jobengine_distribution_leader{distribution=\"beat\"} 1\n") !=
              std::string::npos);
        CHECK(metrics.find("jobengine_distribution_jobs_created_total{distribution=\"beat\"}") !=
              std::string::npos);
      },
      120s);
}

TEST_CASE("job-distributor: a ZooKeeper that is away is told in the logs' format and the metrics",
          "[distributor][program]") {
  Servers servers;
  run_on_loop([&servers](asio::io_context& loop) -> awaitable<void> {
    const std::string nobody = "127.0.0.1:" + std::to_string(development::free_port());
    const std::uint16_t port = development::free_port();
    auto arguments = connection_options(nobody, servers.api.url());
    arguments.insert(arguments.end(), {"--telemetry-port", std::to_string(port)});
    DistributorProcess distributor(loop, std::move(arguments));
    const auto told = [&distributor] {
      return distributor.output().find("Connection refused") != std::string::npos;
    };
    const bool in_time = co_await eventually(told);
    REQUIRE(in_time);
    CHECK(page(port, "/metrics").find("jobengine_zookeeper_connected 0\n") != std::string::npos);
    distributor.signal(SIGTERM);
    const int code = co_await distributor.end();
    CHECK(code == 0);
    std::istringstream output(distributor.output());
    for (std::string line; std::getline(output, line);) {
      CAPTURE(line);
      CHECK(json::accept(line));
    }
  });
}

TEST_CASE("job-distributor: SIGTERM ends it also while nobody answers", "[distributor][program]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    ZooKeeperServer server;
    auto arguments = connection_options(server.hosts(), "http://127.0.0.1:9");
    const std::uint16_t port = development::free_port();
    arguments.insert(arguments.end(),
                     {"--log-format", "text", "--telemetry-port", std::to_string(port)});
    DistributorProcess distributor(loop, std::move(arguments));
    const auto retries = [&distributor] {
      return distributor.output().find("will be repeated") != std::string::npos;
    };
    const bool running = co_await eventually(retries);
    REQUIRE(running);
    CHECK(page(port, "/readyz").find("503") != std::string::npos);
    CHECK(page(port, "/readyz").find("not logged in") != std::string::npos);
    server.freeze();
    distributor.signal(SIGTERM);
    const int code = co_await distributor.end();
    CHECK(code == 0);
  });
}

TEST_CASE("job-distributor: for-each and overlap skip against the real API",
          "[distributor][program]") {
  Servers servers;
  run_on_loop(
      [&servers](asio::io_context& loop) -> awaitable<void> {
        auto client = administrator(loop, servers.api.url());
        std::set<std::string> parents;
        for (int i = 0; i < 3; ++i) {
          json document;
          document["action"] = "parent";
          document["execution-mode"] = "pull";
          const cimi::Reply reply = co_await client->add("job", document);
          REQUIRE(reply.ok());
          parents.insert(reply.location);
        }
        auto arguments = servers.distributor(
            "d",
            "  child: {every: 1s, for-each: {resource: job, filter: \"action='parent'\"}, "
            "job: {priority: 7, payload: {of: '${id}'}}}\n  beat: {every: 1s, overlap: allow}\n");
        DistributorProcess distributor(loop, std::move(arguments));
        auto children = co_await wait_for_jobs(*client, "child", 3);
        REQUIRE(children.size() == 3);
        // Several ticks later there are still three.
        const auto beats = co_await jobs_of(*client, "beat");
        co_await wait_for_jobs(*client, "beat", beats.size() + 3);
        children = co_await jobs_of(*client, "child");
        REQUIRE(children.size() == 3);
        for (const json& child : children) {
          const std::string target = child["target-resource"]["href"];
          CHECK(parents.contains(target));
          CHECK(json::parse(child["payload"].get<std::string>())["of"] == target);
        }
        // One ends; only its target gets another.
        json end;
        end["state"] = "SUCCESS";
        const cimi::Reply ended = co_await client->edit(children[0]["id"], end);
        REQUIRE(ended.ok());
        const auto again = co_await wait_for_jobs(*client, "child", 4);
        REQUIRE(again.size() == 4);
        CHECK(again[3]["target-resource"] == children[0]["target-resource"]);
      },
      180s);
}

TEST_CASE("job-distributor: the queue keeper restores a wiped queue and removes a dead entry",
          "[distributor][program]") {
  Servers servers;
  run_on_loop(
      [&servers](asio::io_context& loop) -> awaitable<void> {
        auto client = administrator(loop, servers.api.url());
        auto session = zookeeper::make_session(loop, zookeeper::parse_hosts({servers.zk_hosts}));
        queue::LockingQueue queue(*session);
        json document;
        document["action"] = "lonely";
        document["priority"] = 33;
        const cimi::Reply added = co_await client->add("job", document);
        REQUIRE(added.ok());
        auto first = co_await wait_for_entry(queue, 33);
        REQUIRE(first);
        // The job knows of its entry before that is lost.
        json tags;
        while (!tags.is_array() || tags.at(0) == job::awaits_entry_tag) {
          const cimi::Reply read = co_await client->get(added.location);
          tags = read.document.value("tags", json());
        }
        const bool lost = co_await queue.remove_untaken(*first);
        REQUIRE(lost);
        co_await queue.put("job/nobody", 1);
        auto arguments = servers.distributor("d", "  queue_keeper: {every: 1s, grace: 1s}\n");
        DistributorProcess distributor(loop, std::move(arguments));
        const auto again = co_await wait_for_entry(queue, 33);
        REQUIRE(again);
        const auto data = co_await queue.data_of(*again);
        CHECK(data == added.location);
        co_await session->close();
      },
      180s);
}

TEST_CASE("job-distributor: wrong use is told with 2, a refused login with 1",
          "[distributor][program]") {
  Servers servers;
  run_on_loop(
      [&servers](asio::io_context& loop) -> awaitable<void> {
        struct Case {
          std::vector<std::string> arguments;
          int code;
          std::string expected;
        };
        const std::string bad_file =
            servers.files.file("bad.yaml", "distributions:\n  a:\n    every: 5s\n    corn: x\n");
        std::vector<Case> cases;
        cases.push_back({{"--distribution-exclude", "nobody"}, 2, "known: cleanup_jobs"});
        cases.push_back({{"--distribution-interval", "cleanup_jobs:soon"}, 2, "whole number"});
        cases.push_back({{"--config", bad_file}, 2, "bad.yaml:4"});
        cases.push_back({{"--config", "/no/such/file.yaml"}, 2, "/no/such/file.yaml"});
        cases.push_back({{"--no-such-option"}, 2, "no-such-option"});
        cases.push_back({{"--zk-hosts", "host:port"}, 2, "host:port"});
        cases.push_back({{"--statsd", "a:b:c"}, 2, "expected HOST or HOST:PORT"});
        cases.push_back({{"--api-pass", "wrong"}, 1, "refuses the login"});
        for (const Case& wrong : cases) {
          auto arguments = connection_options(servers.zk_hosts, servers.api.url());
          if (wrong.arguments[0] == "--zk-hosts" || wrong.arguments[0] == "--api-pass") {
            const auto option = std::find(arguments.begin(), arguments.end(), wrong.arguments[0]);
            *std::next(option) = wrong.arguments[1];
          } else {
            arguments.insert(arguments.end(), wrong.arguments.begin(), wrong.arguments.end());
          }
          DistributorProcess distributor(loop, std::move(arguments));
          const int code = co_await distributor.end();
          const std::string output = distributor.output();
          INFO(output);
          CHECK(code == wrong.code);
          CHECK(output.find(wrong.expected) != std::string::npos);
        }
      },
      120s);
}
