// Ticks of configured distributions against an API in memory.
#include "distributor/configured_distribution.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "common/configuration/yaml_document.hpp"
#include "common/runtime/failure.hpp"
#include "tests/integration/distributor/memory_api.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::distributor;
using namespace std::chrono_literals;
using nlohmann::json;
using tests::MemoryApi;
using tests::run_on_loop;
using Trouble = tests::MemoryApi::Trouble;

namespace {

const Instant tick = *parse_instant("2026-11-21T12:00:00Z");

// One distribution and its API; passes end when the test wants it.
struct Scene {
  explicit Scene(asio::io_context& loop, const std::string& yaml)
      : statsd(loop, ""), instruments(metrics, statsd, "d") {
    auto settings = read_distributions(configuration::parse_yaml("d: " + yaml, "d.yaml"), {});
    for (DistributionSettings& one : settings.distributions) {
      if (one.name != "d") continue;
      subject = std::make_unique<ConfiguredDistribution>(std::move(one), api, instruments);
    }
  }

  awaitable<PassOutcome> pass(bool resumed = false) {
    Pass wanted;
    wanted.tick = tick;
    wanted.resumed = resumed;
    wanted.give_up_at = now() + patience;
    wanted.may_write = [this] { return leading; };
    wanted.over = &over;
    return subject->distribute(wanted);
  }

  std::multiset<std::string> targets() {
    std::multiset<std::string> result;
    for (const json& job : api.all("job")) {
      if (job.value("action", "") != "d") continue;
      result.insert(job.contains("target-resource") ? job["target-resource"].value("href", "")
                                                    : "");
    }
    return result;
  }

  MemoryApi api;
  telemetry::Metrics metrics;
  telemetry::Statsd statsd;
  DistributionMetrics instruments;
  std::unique_ptr<ConfiguredDistribution> subject;
  runtime::Event over;
  bool leading = true;
  Span patience = 30s;
};

json parsed(const char* text) {
  return json::parse(text);
}

using Targets = std::multiset<std::string>;
constexpr const char* simple = "{every: 60s, job: {target-resource: thing/1}}";
constexpr const char* of_deployments =
    "{every: 60s, for-each: {resource: deployment, filter: \"state='STARTED'\"}}";

}  // namespace

TEST_CASE("distribution: one job a tick, skipped while one of the kind is waiting or running",
          "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, simple);
    PassOutcome outcome = co_await scene.pass();
    REQUIRE(outcome == PassOutcome::Done);
    REQUIRE(scene.targets() == Targets{"thing/1"});
    const json job = scene.api.all("job").at(0);
    CHECK(job["name"] == "d@2026-11-21T12:00:00.000Z");
    co_await scene.pass();
    CHECK(scene.api.posts == 1);
    scene.api.at(job["id"])["state"] = "RUNNING";
    co_await scene.pass();
    CHECK(scene.api.posts == 1);
    scene.api.at(job["id"])["state"] = "SUCCESS";
    co_await scene.pass();
    CHECK(scene.api.posts == 2);
  });
}

TEST_CASE("distribution: without a target only jobs without a target overlap", "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, "{every: 60s}");
    scene.api.put("job", parsed(R"({"action": "d", "state": "QUEUED",
                                    "target-resource": {"href": "thing/1"}})"));
    co_await scene.pass();
    CHECK(scene.targets() == Targets{"", "thing/1"});
    co_await scene.pass();
    CHECK(scene.api.posts == 1);
  });
}

TEST_CASE("distribution: overlap allow creates a job each tick", "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, "{every: 60s, overlap: allow}");
    co_await scene.pass();
    co_await scene.pass();
    CHECK(scene.api.posts == 2);
    CHECK(scene.api.searches == 0);
  });
}

TEST_CASE("distribution: for-each creates a job for each match with one search for all overlaps",
          "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, of_deployments);
    for (int i = 0; i < 50; ++i) scene.api.put("deployment", parsed(R"({"state": "STARTED"})"));
    scene.api.put("deployment", parsed(R"({"state": "STOPPED"})"));
    scene.api.put("job", parsed(R"({"action": "d", "state": "QUEUED",
                                    "target-resource": {"href": "deployment/00000007"}})"));
    co_await scene.pass();
    CHECK(scene.api.posts == 49);
    CHECK(scene.api.searches == 2);
    CHECK(scene.targets().size() == 50);
    CHECK(scene.targets().count("deployment/00000007") == 1);
    CHECK(scene.targets().count("deployment/00000051") == 0);
  });
}

TEST_CASE("distribution: for-each reaches more resources than one answer holds", "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop,
                "{every: 60s, overlap: allow, for-each: {resource: deployment}, "
                "job: {target-resource: all/1}}");
    Instant created = tick;
    for (int i = 0; i < page_size + 20; ++i) {
      json row;
      // Several share an instant, also across the end of the page.
      if (i % 7 == 0) created += 1s;
      row["created"] = text(created);
      scene.api.put("deployment", std::move(row));
    }
    co_await scene.pass();
    CHECK(scene.api.posts == page_size + 20);
  });
}

TEST_CASE("distribution: rows fill the template, a row without the attribute is left out",
          "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop,
                "{every: 60s, for-each: {resource: set}, job: {target-resource: '${parent}', "
                "payload: {who: '${owner}'}}}");
    scene.api.put("set", parsed(R"({"parent": "a/1", "owner": "u/1"})"));
    scene.api.put("set", parsed(R"({"parent": "a/2"})"));
    scene.api.put("set", parsed(R"({"parent": "a/1", "owner": "u/3"})"));
    co_await scene.pass();
    // The third is of the same kind as the first.
    REQUIRE(scene.targets() == Targets{"a/1"});
    CHECK(scene.api.all("job").at(0)["payload"] == R"({"who":"u/1"})");
  });
}

TEST_CASE("distribution: a lost answer leads to no second job, a lost request to no missing one",
          "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const std::vector<Trouble> troubles{Trouble::AnswerLost, Trouble::Unreachable,
                                        Trouble::Unavailable};
    for (const Trouble trouble : troubles) {
      Scene scene(loop, "{every: 60s, overlap: allow, for-each: {resource: deployment}}");
      for (int i = 0; i < 5; ++i) scene.api.put("deployment", json::object());
      scene.api.trouble("POST", trouble, 3);
      const PassOutcome outcome = co_await scene.pass();
      CHECK(outcome == PassOutcome::Done);
      const Targets targets = scene.targets();
      CHECK(targets.size() == 5);
      for (const std::string& target : targets) CHECK(targets.count(target) == 1);
    }
  });
}

TEST_CASE("distribution: where ids count a lost answer is found out by the repetition itself",
          "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, "{every: 60s, overlap: allow, for-each: {resource: deployment}}");
    scene.api.ids_count = true;
    for (int i = 0; i < 5; ++i) scene.api.put("deployment", json::object());
    scene.api.trouble("POST", Trouble::AnswerLost, 3);
    PassOutcome outcome = co_await scene.pass();
    CHECK(outcome == PassOutcome::Done);
    CHECK(scene.api.posts == 5);
    CHECK(scene.api.conflicts == 3);
    CHECK(scene.api.searches == 1);  // for the rows
    CHECK(scene.targets().size() == 5);
    // The whole tick once more, as by a leader who knows nothing of it; no failure.
    outcome = co_await scene.pass();
    CHECK(outcome == PassOutcome::Done);
    CHECK(scene.api.posts == 5);
    CHECK(scene.api.conflicts == 8);
  });
}

TEST_CASE("distribution: a conflict that is none of our id stays a refusal", "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, simple);
    scene.api.trouble("POST", Trouble::Conflict, 1);
    const PassOutcome outcome = co_await scene.pass();
    CHECK(outcome == PassOutcome::Done);
    CHECK(scene.api.posts == 0);
  });
}

TEST_CASE("distribution: a resumed tick creates only the jobs that are missing", "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, "{every: 60s, overlap: allow, for-each: {resource: deployment}}");
    for (int i = 0; i < 5; ++i) scene.api.put("deployment", json::object());
    co_await scene.pass();
    scene.api.erase(scene.api.all("job").at(2)["id"]);
    const PassOutcome outcome = co_await scene.pass(/*resumed=*/true);
    CHECK(outcome == PassOutcome::Done);
    CHECK(scene.api.posts == 6);
    CHECK(scene.targets().size() == 5);
  });
}

TEST_CASE("distribution: what the API refuses for good is not repeated", "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, simple);
    scene.api.trouble("POST", Trouble::Invalid, 1);
    const PassOutcome outcome = co_await scene.pass();
    CHECK(outcome == PassOutcome::Done);
    CHECK(scene.api.posts == 0);
    Scene wrong(loop, "{every: 60s, for-each: {resource: deployment, filter: 'a=='}}");
    std::string complaint;
    try {
      co_await wrong.pass();
    } catch (const runtime::Failure& failure) {
      complaint = failure.what();
    }
    CHECK(complaint.find("does not accept the search for deployment") != std::string::npos);
  });
}

TEST_CASE("distribution: an API that stays away leaves the tick unfinished when the next is due",
          "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, simple);
    scene.patience = 300ms;
    scene.api.trouble("PUT", Trouble::Unreachable, 1000);
    PassOutcome outcome = co_await scene.pass();
    CHECK(outcome == PassOutcome::Unfinished);
    scene.api.trouble("PUT", Trouble::None, 0);
    scene.api.trouble("POST", Trouble::Unavailable, 1000);
    outcome = co_await scene.pass();
    CHECK(outcome == PassOutcome::Unfinished);
  });
}

TEST_CASE("distribution: nothing is written without leadership, and its end ends the pass",
          "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, simple);
    scene.patience = 300ms;
    scene.leading = false;
    PassOutcome outcome = co_await scene.pass();
    CHECK(outcome == PassOutcome::Unfinished);
    scene.patience = 1h;
    scene.over.raise();
    outcome = co_await scene.pass();
    CHECK(outcome == PassOutcome::Unfinished);
    CHECK(scene.api.posts == 0);
  });
}
