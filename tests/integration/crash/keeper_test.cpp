// The queue keeper dies, or freezes, in the middle of its repairs; the next one goes on with them.
#include <algorithm>
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

// Where one that goes on too late could do harm.
const std::vector<std::string>& freezes() {
  static const std::vector<std::string> all = {"keeper.push.before", "keeper.push.after",
                                               "keeper.remove.before", "keeper.remove.after"};
  return all;
}

constexpr const char* keeping =
    "distributions:\n  cleanup_jobs: {enabled: false}\n  monitor_bulk_job: {enabled: false}\n"
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

awaitable<void> wait_for_repairs(SmallSystem& system, const std::set<std::string>& ids) {
  const auto deadline = runtime::Clock::now() + std::chrono::seconds(90);
  runtime::Event never;
  std::map<std::string, int> entries = co_await entries_of(system);
  const auto once = [](const auto& entry) { return entry.second == 1; };
  while (entries.size() != ids.size() || entries.contains("job/nobody") ||
         !std::all_of(entries.begin(), entries.end(), once)) {
    if (runtime::Clock::now() > deadline) {
      throw runtime::Failure("entries of " + std::to_string(entries.size()) + " jobs, should be " +
                             std::to_string(ids.size()));
    }
    co_await never.wait_for(std::chrono::milliseconds(100));
    entries = co_await entries_of(system);
  }
}

awaitable<void> thaw(DoomedProgram& frozen, Story& story) {
  frozen.signal(SIGCONT);
  const auto knows = [&frozen] {
    return frozen.output().find("no longer leading") != std::string::npos;
  };
  co_await wait_for(knows, "the end of the stale leader's work");
  frozen.signal(SIGTERM);
  const int end = co_await frozen.end();
  story.expect_equal("the end of the frozen distributor", end, 0);
}

awaitable<void> follow(asio::io_context& loop, std::string doom, std::size_t jobs, Story& story) {
  SmallSystem system(loop);
  std::vector<std::string> options;
  co_await system.start_api(std::move(options), "");
  const std::set<std::string> ids = co_await store_jobs(system, jobs);
  for (std::size_t i = 0; i < dead_entries; ++i) co_await system.queue.put("job/nobody", 1);
  const bool freezes = doom.starts_with("JE_FREEZE_AT");
  const auto doomed = system.distributor(keeping, doom);
  if (freezes) {
    const auto frozen = [&doomed] { return doomed->frozen(); };
    co_await wait_for(frozen, "the freeze");
  } else {
    const int end = co_await doomed->end();
    story.expect_equal("the end of the distributor", end, killed);
  }

  const auto follower = system.distributor(keeping);
  co_await wait_for_repairs(system, ids);
  if (freezes) co_await thaw(*doomed, story);
  // What it made too late is taken back within an interval.
  if (freezes) co_await wait_for_repairs(system, ids);
  const std::map<std::string, int> entries = co_await entries_of(system);
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

// All at once: most of it is waiting until the keeper believes what it sees.
TEST_CASE("the queue keeper may die between any of its repairs, or freeze and go on too late",
          "[crash][freeze][keeper]") {
  ZooKeeperServer::shared();
  std::vector<Death> dooms;
  for (const Death& death : deaths()) dooms.push_back({dies_at(death.point), death.jobs});
  for (const std::string& point : freezes()) dooms.push_back({freezes_at(point), 3});
  std::vector<std::string> names;
  for (const Death& doom : dooms) names.push_back(doom.point);
  tell_stories(names, [&](asio::io_context& loop, std::size_t index, Story& story) {
    return follow(loop, dooms[index].point, dooms[index].jobs, story);
  });
}
