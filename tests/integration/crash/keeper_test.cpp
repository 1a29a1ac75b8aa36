// The queue keeper dies in the middle of its repairs; the next one goes on with them.
#include <catch2/catch.hpp>
#include <csignal>
#include <map>

#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/integration/crash/points.hpp"
#include "tests/integration/crash/small_system.hpp"
#include "tests/integration/crash/story.hpp"
#include "tests/servers/zookeeper_server.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using nlohmann::json;

namespace {

struct Death {
  std::string point;
  std::size_t jobs;  // without an entry
};

// So many entries are made in one go.
constexpr std::size_t one_go = 500;
constexpr std::size_t dead_entries = 3;

const std::vector<Death>& deaths() {
  static const std::vector<Death> all = {
      {"keeper.push.before:1", 3},          {"keeper.push.after:1", 3},
      {"keeper.push.before:2", one_go + 3}, {"keeper.remove.before:1", 3},
      {"keeper.remove.after:1", 3},         {"keeper.remove.before:3", 3},
  };
  return all;
}

constexpr const char* keeping =
    "distributions:\n  cleanup_jobs: {enabled: false}\n"
    "  queue_keeper: {every: 1s, grace: 1s}\n";

awaitable<void> store_some(SmallSystem& system, std::size_t& left, std::set<std::string>& ids) {
  while (left > 0) {
    --left;
    json document = system.job_document(json::object());
    std::string id = co_await system.store_without_entry(std::move(document));
    ids.insert(std::move(id));
  }
}

awaitable<std::set<std::string>> store_jobs(SmallSystem& system, std::size_t count) {
  std::set<std::string> ids;
  runtime::TaskGroup clients(system.loop.get_executor());
  constexpr std::size_t at_once = 8;
  for (std::size_t i = 0; i < at_once; ++i) clients.spawn(store_some(system, count, ids));
  co_await clients.join();
  co_return ids;
}

// How many entries each has.
awaitable<std::map<std::string, int>> entries_of(SmallSystem& system) {
  std::map<std::string, int> counts;
  const auto entries = co_await system.queue.list();
  for (const queue::ListedEntry& entry : entries) {
    const auto data = co_await system.queue.data_of(entry.name);
    ++counts[data.value_or("")];
  }
  co_return counts;
}

awaitable<void> die_and_be_followed(asio::io_context& loop, Death death, Story& story) {
  SmallSystem system(loop);
  std::vector<std::string> options;
  co_await system.start_api(std::move(options), "");
  const std::set<std::string> ids = co_await store_jobs(system, death.jobs);
  for (std::size_t i = 0; i < dead_entries; ++i) co_await system.queue.put("job/nobody", 1);
  const auto doomed = system.distributor(keeping, dies_at(death.point));
  const int end = co_await doomed->end();
  story.expect_equal("the end of the distributor", end, killed);

  const auto follower = system.distributor(keeping);
  const auto deadline = runtime::Clock::now() + std::chrono::seconds(90);
  runtime::Event never;
  std::map<std::string, int> entries = co_await entries_of(system);
  while (entries.size() != ids.size() || entries.contains("job/nobody")) {
    if (runtime::Clock::now() > deadline) {
      throw runtime::Failure("entries of " + std::to_string(entries.size()) + " jobs, should be " +
                             std::to_string(ids.size()));
    }
    co_await never.wait_for(std::chrono::milliseconds(100));
    entries = co_await entries_of(system);
  }
  for (const auto& [id, count] : entries) {
    story.expect(ids.contains(id), "an entry of " + id);
    story.expect_equal("entries of one job", count, 1);
  }
  if (ids.size() < one_go) {
    const auto executor = system.executor();
    for (const std::string& id : ids) co_await system.wait_until_final(id);
    co_await system.wait_until_queue_is_empty();
    story.expect_equal("the runs", system.runs().size(), ids.size());
  }
  co_await system.close();
}

}  // namespace

std::set<std::string> jobengine::tests::keeper_points_told() {
  std::set<std::string> names;
  for (const Death& death : deaths()) names.insert(death.point.substr(0, death.point.find(':')));
  return names;
}

TEST_CASE("the queue keeper may die between any of its repairs", "[crash][keeper]") {
  ZooKeeperServer::shared();
  std::vector<std::string> names;
  for (const Death& death : deaths()) names.push_back(death.point);
  tell_stories(names, [](asio::io_context& loop, std::size_t index, Story& story) {
    return die_and_be_followed(loop, deaths()[index], story);
  });
}
