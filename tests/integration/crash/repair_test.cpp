// What any crash can leave in queue and store, and the loss of all of ZooKeeper's data under load:
// the queue keeper mends it, and no job runs twice at a time for that.
#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <map>

#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/integration/crash/small_system.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

// The programs' sessions last 4 s.
constexpr const char* keeping =
    "distributions:\n  cleanup_jobs: {enabled: false}\n  monitor_bulk_job: {enabled: false}\n"
    "  queue_keeper: {every: 1s, grace: 5s}\n";
constexpr auto patience = 90s;

// What the entries are of, sorted.
awaitable<std::vector<std::string>> content(SmallSystem& system) {
  std::vector<std::string> data;
  const auto entries = co_await system.queue.list();
  for (const queue::ListedEntry& entry : entries) {
    auto one = co_await system.queue.data_of(entry.name);
    if (one) data.push_back(std::move(*one));
  }
  std::sort(data.begin(), data.end());
  co_return data;
}

awaitable<std::vector<std::string>> content_becomes(SmallSystem& system,
                                                    std::vector<std::string> wanted) {
  std::sort(wanted.begin(), wanted.end());
  const auto deadline = runtime::Clock::now() + patience;
  runtime::Event never;
  auto found = co_await content(system);
  while (found != wanted && runtime::Clock::now() < deadline) {
    co_await never.wait_for(50ms);
    found = co_await content(system);
  }
  co_return found;
}

awaitable<std::string> stored(SmallSystem& system, const char* state) {
  json document = system.job_document(json::object());
  const std::string id = co_await system.store_without_entry(std::move(document));
  json change;
  change["state"] = state;
  const cimi::Reply edited = co_await system.client->edit(id, std::move(change));
  if (!edited.ok()) throw runtime::Failure(edited.message);
  co_return id;
}

// Everything below the path, and the path itself; what others make meanwhile may stay.
awaitable<void> wipe(zookeeper::Session& session, std::string path) {
  const auto listed = co_await session.children(path, nullptr);
  for (const std::string& name : listed.names) co_await wipe(session, path + "/" + name);
  co_await session.remove(path, -1);
}

// Jobs that come in all the time, each with an oracle of its own.
struct Load {
  std::size_t wanted = 0;
  std::vector<std::string> ids;
  TemporaryDirectory folder;
  std::string oracle_of(std::size_t job) const {
    return (folder.path() / std::to_string(job)).string();
  }
};

awaitable<void> submit_all(SmallSystem& system, Load& load) {
  runtime::Event never;
  while (load.ids.size() < load.wanted) {
    json payload;
    // Some last long enough to notice in the middle that their locks are gone.
    payload["nap"] = load.ids.size() % 4 == 1 ? 4000 : 300;
    payload["oracle"] = load.oracle_of(load.ids.size());
    json document;
    document["action"] = "crash_test";
    document["payload"] = payload.dump();
    const cimi::Reply added = co_await system.client->add("job", std::move(document));
    if (!added.ok()) throw runtime::Failure("cannot add a job: " + added.message);
    load.ids.push_back(added.location);
    co_await never.wait_for(100ms);
  }
}

// How many jobs have begun to run.
std::size_t begun(const Load& load) {
  std::size_t count = 0;
  for (std::size_t job = 0; job < load.ids.size(); ++job) {
    if (!read_oracle(load.oracle_of(job)).empty()) ++count;
  }
  return count;
}

awaitable<void> wait_until_begun(const Load& load, std::size_t jobs) {
  const auto enough = [&load, jobs] { return begun(load) >= jobs; };
  co_await wait_for(enough, "the start of jobs");
}

// Wiped in the middle of runs; once while one of the executors stands still, for longer than its
// session lasts.
awaitable<void> wipe_again_and_again(SmallSystem& system, const Load& load,
                                     DoomedProgram& halting) {
  runtime::Event never;
  for (const std::size_t jobs : {5U, 12U, 20U, 30U}) {
    co_await wait_until_begun(load, jobs);
    const bool halts = jobs == 20;
    if (halts) halting.signal(SIGSTOP);
    co_await wipe(*system.session, "/job");
    if (!halts) continue;
    co_await never.wait_for(7s);
    halting.signal(SIGCONT);
  }
}

awaitable<void> expect_all_done(SmallSystem& system, const Load& load) {
  std::size_t runs = 0;
  for (std::size_t job = 0; job < load.ids.size(); ++job) {
    const json ended = co_await system.wait_until_final(load.ids[job]);
    CAPTURE(job, ended.dump());
    CHECK(ended.at("state") == "SUCCESS");
    const auto all = read_oracle(load.oracle_of(job));
    runs += all.size();
    CHECK_THAT(told(all), !Catch::Contains("OVERLAPS"));
    REQUIRE_FALSE(all.empty());
    CHECK(all.back().ended);
  }
  CHECK(runs > load.ids.size());  // the wipes hit some of them
  WARN(load.ids.size() << " jobs ended, in " << runs << " runs");
}

}  // namespace

TEST_CASE("repair: whatever a crash has left in queue and store is mended by the queue keeper",
          "[crash][keeper]") {
  run_on_loop(
      [](asio::io_context& loop) -> awaitable<void> {
        SmallSystem system(loop);
        std::vector<std::string> options;
        co_await system.start_api(std::move(options), "");
        const auto not_queued = co_await stored(system, "QUEUED");
        const auto lost = co_await stored(system, "RUNNING");
        const auto ended = co_await stored(system, "SUCCESS");
        const auto twice = co_await stored(system, "QUEUED");
        co_await system.queue.put("job/00000000-0000-4000-8000-000000000000", 10);
        co_await system.queue.put(ended, 10);
        for (int i = 0; i < 3; ++i) co_await system.queue.put(twice, 10);
        co_await system.queue.put("gar\nbage", 10);
        co_await system.queue.put("", 10);
        const auto begin = runtime::Clock::now();
        const auto keeper = system.distributor(keeping);
        const std::vector<std::string> wanted = {not_queued, lost, twice};
        auto found = co_await content_becomes(system, wanted);
        auto sorted = wanted;
        std::sort(sorted.begin(), sorted.end());
        CHECK(found == sorted);
        const auto took = runtime::Clock::now() - begin;
        WARN("mended after " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count()
                             << " ms");
        const auto executor = system.executor();
        for (const auto& id : wanted) {
          const json job = co_await system.wait_until_final(id);
          CHECK(job.at("state") == "SUCCESS");
        }
        co_await system.wait_until_queue_is_empty();
        CHECK(system.runs().size() == wanted.size());
        co_await system.close();
      },
      300s);
}

TEST_CASE("repair: wiping /job under load loses no job and runs none twice at a time",
          "[crash][keeper]") {
  run_on_loop(
      [](asio::io_context& loop) -> awaitable<void> {
        SmallSystem system(loop);
        std::vector<std::string> options;
        co_await system.start_api(std::move(options), "");
        const auto keeper = system.distributor(keeping);
        std::vector<std::unique_ptr<DoomedProgram>> executors;
        for (int i = 0; i < 3; ++i) executors.push_back(system.executor());
        Load load;
        load.wanted = 40;
        runtime::TaskGroup group(loop.get_executor());
        group.spawn(submit_all(system, load));
        group.spawn(wipe_again_and_again(system, load, *executors.back()));
        co_await group.join();
        REQUIRE(load.ids.size() == load.wanted);
        co_await expect_all_done(system, load);
        co_await system.wait_until_queue_is_empty();
        for (const auto& executor : executors) CHECK(state_of(executor->pid()) != 'Z');
        co_await system.close();
      },
      400s);
}
