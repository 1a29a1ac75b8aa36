// jobctl restore, between a real job-api and a real ZooKeeper.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <thread>

#include "common/queue/locking_queue.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "tests/integration/api/exchange.hpp"
#include "tests/integration/ctl/jobctl_process.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {
namespace {

using Catch::Contains;
using nlohmann::json;
using Ids = std::vector<std::string>;

class Scene {
 public:
  explicit Scene(bool api_has_queue = true)
      : hosts_(ZooKeeperServer::shared().fresh_chroot()),
        api_({api_has_queue ? hosts_ : std::string(), {"--trust-authn-header"}, {}}) {}

  Caller caller() const { return {api_.port(), "group/nuvla-admin"}; }
  std::string job(json attributes = json::object()) const {
    attributes["action"] = "dummy_test_action";
    return caller().added("job", attributes);
  }
  void edit(const std::string& id, const json& change) const {
    REQUIRE(caller().edit(id, change).status == 200);
  }
  Ran restore(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "restore");
    return jobctl(std::move(arguments),
                  {"JOB_API_URL=" + api_.url(), std::string("JOB_API_USER=") + api_admin,
                   std::string("JOB_API_PASS=") + api_password, "JOB_ZK_HOSTS=" + hosts_});
  }

  // Runs `body` with the queue.
  using Body = std::function<awaitable<void>(queue::LockingQueue&, zookeeper::Session&)>;
  void with_queue(const Body& body) const {
    run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
      const auto session = zookeeper::make_session(loop, zookeeper::parse_hosts({hosts_}));
      {
        queue::LockingQueue queue(*session);
        co_await body(queue, *session);
      }
      co_await session->close();
    });
  }
  // The ids in the queue, in the order of service, once there are so many.
  Ids content(std::size_t count) const {
    Ids ids;
    with_queue([&](queue::LockingQueue& queue, zookeeper::Session&) -> awaitable<void> {
      const auto deadline = runtime::Clock::now() + std::chrono::seconds(30);
      runtime::Event never;
      auto entries = co_await queue.list();
      while (entries.size() != count && runtime::Clock::now() < deadline) {
        co_await never.wait_for(std::chrono::milliseconds(20));
        entries = co_await queue.list();
      }
      for (const auto& entry : entries) {
        const auto data = co_await queue.data_of(entry.name);
        ids.push_back(data.value_or("gone"));
      }
    });
    return ids;
  }
  void put(const Ids& ids, int priority) const {
    with_queue([&](queue::LockingQueue& queue, zookeeper::Session&) -> awaitable<void> {
      for (const auto& id : ids) co_await queue.put(id, priority);
    });
  }
  void wipe() const {
    with_queue([](queue::LockingQueue& queue, zookeeper::Session&) -> awaitable<void> {
      const auto entries = co_await queue.list();
      for (const auto& entry : entries) co_await queue.remove_untaken(entry.name);
    });
  }

 private:
  std::string hosts_;
  ApiServer api_;
};

json with(const char* attribute, json value) {
  json result;
  result[attribute] = std::move(value);
  return result;
}

Ids pushed(const Ran& ran) {
  Ids ids;
  const auto told = ran.json();
  for (const auto& push : told.at("pushed")) ids.push_back(push.at("job"));
  return ids;
}

TEST_CASE("jobctl restore: a wiped queue is as it was, once", "[ctl][restore]") {
  const Scene scene;
  Ids jobs = {scene.job(), scene.job(with("priority", 7)), scene.job(), scene.job()};
  scene.job(with("execution-mode", "pull"));
  const auto ended = scene.job();
  REQUIRE(scene.content(5).size() == 5);
  scene.edit(ended, with("state", "FAILED"));
  scene.edit(jobs[3], with("state", "RUNNING"));  // drops the priority, too
  std::swap(jobs[0], jobs[1]);                    // the urgent one first
  scene.wipe();

  const auto dry = scene.restore({"--dry-run", "--json", "--grace", "0s"});
  INFO(dry.err);
  REQUIRE(dry.code == 0);
  CHECK(pushed(dry) == jobs);
  CHECK(dry.json().at("dry-run") == true);
  CHECK(scene.content(0).empty());

  const auto real = scene.restore({"--json", "--grace", "0s"});
  INFO(real.err);
  REQUIRE(real.code == 0);
  CHECK(pushed(real) == jobs);
  CHECK(real.json().at("pushed").at(0).at("priority") == 7);
  CHECK(scene.content(4) == jobs);

  const auto again = scene.restore({});
  CHECK(again.code == 0);
  CHECK_THAT(again.out, Contains("nothing to restore"));
  CHECK(scene.content(4) == jobs);
}

TEST_CASE("jobctl restore: what is young or RUNNING is watched for the grace period first",
          "[ctl][restore]") {
  const Scene scene;
  const auto old = scene.job();
  const auto running = scene.job();
  REQUIRE(scene.content(2).size() == 2);
  scene.edit(running, with("state", "RUNNING"));
  scene.wipe();
  const auto dry = scene.restore({"--dry-run"});
  CHECK_THAT(dry.out, Contains("2 jobs without an entry would be watched first"));
  // Beyond the grace period, of the QUEUED one by its age and of the other by having been watched.
  const auto begin = std::chrono::steady_clock::now();
  const auto ran = scene.restore({"--grace", "3s"});
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::seconds(3));
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK_THAT(ran.out, Contains("2 jobs put back into the queue") && Contains(running));
  CHECK(scene.content(2).size() == 2);
}

TEST_CASE("jobctl restore: entries that serve nothing go, those of hidden jobs stay",
          "[ctl][restore]") {
  const Scene scene;
  const auto alive = scene.job();
  const auto ended = scene.job();
  REQUIRE(scene.content(2).size() == 2);
  scene.edit(ended, with("state", "SUCCESS"));
  scene.put({alive, "gar\nbage", "job/00000000-0000-4000-8000-000000000000"}, 50);
  const auto ran = scene.restore({"--json", "--grace", "1s"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  CHECK(pushed(ran).empty());
  std::map<std::string, int> reasons;
  const auto told = ran.json();
  for (const auto& removal : told.at("removed")) ++reasons[removal.at("reason")];
  CHECK(reasons == std::map<std::string, int>{{"duplicate", 1}, {"garbage", 1}, {"job-final", 1}});
  CHECK(scene.content(2) == Ids{alive, "job/00000000-0000-4000-8000-000000000000"});
}

TEST_CASE("jobctl restore: jobs that job-api is going to push are left to it", "[ctl][restore]") {
  const Scene scene(/*api_has_queue=*/false);
  scene.job();
  const auto ran = scene.restore({"--grace", "0s"});
  INFO(ran.err);
  CHECK(ran.code == 0);
  CHECK_THAT(ran.out, Contains("nothing to restore"));
  CHECK(scene.content(0).empty());
}

TEST_CASE("jobctl restore: several at the same time leave one entry for each job",
          "[ctl][restore]") {
  const Scene scene;
  Ids jobs;
  for (int i = 0; i < 20; ++i) jobs.push_back(scene.job());
  REQUIRE(scene.content(20).size() == 20);
  scene.wipe();
  std::vector<Ran> ran(3);
  std::vector<std::thread> threads;
  for (auto& one : ran) {
    threads.emplace_back([&scene, &one] { one = scene.restore({"--grace", "1s"}); });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& one : ran) {
    INFO(one.err);
    CHECK(one.code == 0);
  }
  auto left = scene.content(20);
  std::sort(left.begin(), left.end());
  std::sort(jobs.begin(), jobs.end());
  CHECK(left == jobs);
}

TEST_CASE("jobctl restore: says which server does not answer", "[ctl][restore]") {
  const Scene scene;
  const auto ran = scene.restore({"--zk-hosts", "127.0.0.1:1", "--timeout", "300ms"});
  CHECK(ran.code == 1);
  CHECK_THAT(ran.err, Contains("ZooKeeper at 127.0.0.1:1 does not answer"));
  const auto bad = scene.restore({"--grace", "soon"});
  CHECK(bad.code == 2);
  CHECK_THAT(bad.err, Contains("--grace"));
}

}  // namespace
}  // namespace jobengine::tests
