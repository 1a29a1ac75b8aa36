// Figures of a store with a million jobs; not run by itself: api_store_test "[scale]". The
// environment variable JE_SCALE_DATABASE names a file to keep, JE_SCALE_JOBS how many jobs.
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "common/runtime/task_group.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/api_store/many_jobs.hpp"

using namespace jobengine;
using namespace jobengine::api::store;
using nlohmann::json;

namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

int wanted_jobs() {
  const char* jobs = std::getenv("JE_SCALE_JOBS");
  return jobs == nullptr ? 1'000'000 : std::atoi(jobs);
}

class FilledStore {
 public:
  FilledStore() {
    const char* kept = std::getenv("JE_SCALE_DATABASE");
    const auto file = kept == nullptr ? (folder_.path() / "jobs.db").string() : std::string(kept);
    auto began = runtime::Clock::now();
    store = open_sqlite_store(file);
    report("open", {Milliseconds(runtime::Clock::now() - began).count()});
    SearchRequest all;
    all.collection = "job";
    all.visibility.everything = true;
    all.limit = 0;
    if (tests::awaited(store->search(all)).count > 0) return;
    began = runtime::Clock::now();
    tests::fill(*store, wanted_jobs());
    const std::chrono::duration<double> took = runtime::Clock::now() - began;
    std::printf("%-28s %10.0f jobs/s\n", "filled", wanted_jobs() / took.count());
  }

  static void report(const std::string& what, std::vector<double> times, std::int64_t count = 0) {
    std::sort(times.begin(), times.end());
    std::printf("%-28s p50 %9.3f ms  p99 %9.3f ms  %lld\n", what.c_str(), times[times.size() / 2],
                times[times.size() * 99 / 100], static_cast<long long>(count));
  }

  std::unique_ptr<Store> store;

 private:
  tests::TemporaryDirectory folder_;
};

SearchRequest searching(const std::string& filter, std::int64_t limit = 20) {
  SearchRequest request;
  request.collection = "job";
  request.visibility.everything = true;
  if (!filter.empty()) request.filter = api::filter::parse(filter);
  request.order = {{{"created"}, true}};
  request.limit = limit;
  return request;
}

void measure(Store& store, const std::string& what, const SearchRequest& request, int times = 100) {
  std::vector<double> took;
  std::int64_t count = 0;
  tests::run_on_loop(
      [&](asio::io_context&) -> awaitable<void> {
        const auto stop = runtime::Clock::now() + std::chrono::seconds(5);
        for (int i = 0; i < times && (i < 3 || runtime::Clock::now() < stop); ++i) {
          const auto began = runtime::Clock::now();
          const auto found = co_await store.search(request);
          took.push_back(Milliseconds(runtime::Clock::now() - began).count());
          count = found.count;
        }
      },
      std::chrono::minutes(5));
  FilledStore::report(what, took, count);
}

}  // namespace

TEST_CASE("scale: searches", "[.][scale]") {
  FilledStore open;
  Store& store = *open.store;
  const auto target = "target-resource/href='deployment/777'";
  const auto parent = "parent-job='" + tests::past_job_id(500'001) + "'";
  for (const bool everything : {true, false}) {
    std::printf(everything ? "-- administrator\n" : "-- one user of 200\n");
    const auto run = [&](const std::string& what, SearchRequest request, int times = 100) {
      if (!everything) request.visibility = {false, {"user/17", "group/nuvla-user"}};
      measure(store, what, request, times);
    };
    run("id", searching("id='" + tests::past_job_id(4711) + "'"), 1000);
    run("all", searching(""));
    run("state=SUCCESS", searching("state='SUCCESS'"));
    run("state=QUEUED", searching("state='QUEUED'"));
    run("state final", searching("state=['SUCCESS','FAILED','CANCELED']"));
    run("action", searching("action='action_7'"));
    run("action^=", searching("action^='action_1'"));
    run("parent", searching(parent));
    run("parent+state", searching(parent + " and state=['QUEUED','RUNNING']"));
    run("target", searching(target));
    run("action+target", searching(std::string("action='action_17' and ") + target));
    run("action+state+target",
        searching("state=['QUEUED','RUNNING'] and action='action_17' and " + std::string(target)));
    run("created>", searching("created>'2023-11-15T12:00:00Z'"));
    run("updated>", searching("updated>'2023-11-15T12:00:00Z'"), 3);
    run("tags", searching("tags='monitor'"), 3);
    run("bulk monitor", searching("action^='action_7' and state='RUNNING' and tags='monitor'"));
    run("name^=", searching("name^='batch-7'"), 3);
    run("progress", searching("progress<100"), 3);
    auto keeper = searching("state=['QUEUED','RUNNING'] and execution-mode=['push','mixed']", 1000);
    keeper.order = {{{"priority"}, false}, {{"created"}, false}};
    run("queue keeper", keeper, 10);
    auto deep = searching("state='SUCCESS'");
    deep.offset = 9980;
    run("deep page", deep);
    auto terms = searching("", 0);
    terms.aggregations.push_back({Aggregation::Kind::Terms, {"state"}, "terms:state"});
    run("terms:state", terms, 10);
    auto progress = searching("", 0);
    progress.aggregations.push_back({Aggregation::Kind::Avg, {"progress"}, "avg:progress"});
    if (everything) run("avg:progress", progress, 1);
  }
}

namespace {

// Puts jobs one by one as clients do: `clients` at once, each waiting for its own. Job `number` of
// client `client` is what `make` says.
// Returns microseconds of processor time for each: other programs do not show in it.
double cost_of_puts(Store& store, int clients, int each,
                    const std::function<json(int client, int number)>& make) {
  const auto began = std::clock();
  tests::run_on_loop(
      [&](asio::io_context& loop) -> awaitable<void> {
        auto work = [&](int client) -> awaitable<void> {
          for (int number = 0; number < each; ++number) {
            const auto job = make(client, number);
            std::vector<Change> changes;
            changes.push_back({job.at("id"), [&job](const StoredDocument*) {
                                 return Decision{Decision::Kind::Put, job, false};
                               }});
            co_await store.change(std::move(changes));
          }
        };
        runtime::TaskGroup group(loop.get_executor());
        for (int client = 0; client < clients; ++client) group.spawn(work(client));
        co_await group.join();
      },
      std::chrono::minutes(5));
  return 1e6 * static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC / clients / each;
}

}  // namespace

TEST_CASE("scale: writes", "[.][scale-writes]") {
  FilledStore open;
  constexpr int clients = 64;
  constexpr int each = 200;
  const int first = wanted_jobs();
  for (int round = 1; round <= 3; ++round) {
    const auto numbered = [&](int client, int number) {
      auto job = tests::past_job(first + round * 100'000 + client + number * clients);
      job["state"] = "QUEUED";
      return job;
    };
    const auto inserted = cost_of_puts(*open.store, clients, each, numbered);
    const auto running = [&](int client, int number) {
      auto job = numbered(client, number);
      job["state"] = "RUNNING";
      job["updated"] = "2026-01-01T00:00:00.000Z";
      return job;
    };
    const auto ran = cost_of_puts(*open.store, clients, each, running);
    const auto progressing = [&](int client, int number) {
      auto job = running(client, number);
      job["progress"] = 50;
      job["updated"] = "2026-01-01T00:00:05.000Z";
      return job;
    };
    const auto progressed = cost_of_puts(*open.store, clients, each, progressing);
    const auto finishing = [&](int client, int number) {
      auto job = running(client, number);
      job["state"] = "SUCCESS";
      job["updated"] = "2026-01-01T00:00:10.000Z";
      return job;
    };
    const auto finished = cost_of_puts(*open.store, clients, each, finishing);
    std::printf("us: insert %5.1f  to RUNNING %5.1f  progress %5.1f  to SUCCESS %5.1f\n", inserted,
                ran, progressed, finished);
  }
}
