// The leader's way with ticks, against a real ZooKeeper: none is repeated, none forgotten.
#include "distributor/distribution_leader.hpp"

#include <catch2/catch.hpp>

#include "tests/integration/distributor/leader_scene.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::distributor;
using namespace std::chrono_literals;
using nlohmann::json;
using tests::eventually;
using tests::run_on_loop;
using Trouble = tests::MemoryApi::Trouble;

namespace {

TickSchedule cron(const char* expression) {
  return TickSchedule::cron(CronExpression(expression), TimeZone("UTC"));
}

using Scene = tests::LeaderScene;

const LedgerEntry nothing;

bool is_closed(const LedgerEntry& entry) {
  return !entry.open;
}
bool is_open(const LedgerEntry& entry) {
  return entry.open;
}

}  // namespace

TEST_CASE("leader: the first tick is at once, and a successor does not repeat it",
          "[distributor][ledger]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, TickSchedule::every(24h));
    for (int i = 0; i < 3; ++i) {
      runtime::Event over;
      scene.begin(over);
      const bool done = co_await scene.ledger_says(is_closed);
      REQUIRE(done);
      // Long enough for a successor to have claimed a tick, had it wanted to.
      co_await over.wait_for(50ms);
      co_await scene.end(over);
    }
    CHECK(scene.api.posts == 1);
    co_await scene.session->close();
  });
}

TEST_CASE("leader: ticks follow each other in the order of the grid", "[distributor][ledger]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, TickSchedule::every(200ms));
    runtime::Event over;
    scene.begin(over);
    const auto wanted = [&scene] { return scene.api.posts >= 5; };
    const bool enough = co_await eventually(wanted);
    REQUIRE(enough);
    co_await scene.end(over);
    std::set<std::string> names;
    for (const json& job : scene.api.all("job")) names.insert(job["name"].get<std::string>());
    CHECK(names.size() == scene.api.all("job").size());
    const auto first = parse_instant(names.begin()->substr(2));
    for (const std::string& name : names) {
      CHECK((*parse_instant(name.substr(2)) - *first) % 200ms == 0ms);
    }
    co_await scene.session->close();
  });
}

TEST_CASE("leader: a tick claimed by a leader that died before its job is created once",
          "[distributor][ledger]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, TickSchedule::every(24h));
    const Instant tick = now() - 1min;
    co_await scene.ledger.write(nothing, tick, /*open=*/true);
    runtime::Event over;
    scene.begin(over);
    const bool done = co_await scene.ledger_says(is_closed);
    REQUIRE(done);
    co_await scene.end(over);
    REQUIRE(scene.api.posts == 1);
    CHECK(scene.api.all("job").at(0)["name"] == "d@" + text(tick));
    co_await scene.session->close();
  });
}

TEST_CASE("leader: a tick whose leader died after its job is not repeated",
          "[distributor][ledger]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, TickSchedule::every(24h));
    const Instant tick = now() - 1min;
    json job;
    job["name"] = "d@" + text(tick);
    job["state"] = "SUCCESS";
    scene.api.put("job", job);
    co_await scene.ledger.write(nothing, tick, /*open=*/true);
    runtime::Event over;
    scene.begin(over);
    const bool done = co_await scene.ledger_says(is_closed);
    REQUIRE(done);
    co_await scene.end(over);
    CHECK(scene.api.posts == 0);
    co_await scene.session->close();
  });
}

TEST_CASE("leader: while the API is away the tick stays open, and is finished by whoever leads",
          "[distributor][ledger]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, TickSchedule::every(24h));
    scene.api.trouble("POST", Trouble::AnswerLost, 1);
    scene.api.trouble("PUT", Trouble::Unreachable, 1000);
    runtime::Event over;
    scene.begin(over);
    const auto wanted = [&scene] { return scene.api.posts == 1; };
    const bool tried = co_await eventually(wanted);
    REQUIRE(tried);
    co_await scene.end(over);
    const bool left_open = co_await scene.ledger_says(is_open);
    REQUIRE(left_open);
    scene.api.trouble("PUT", Trouble::None, 0);
    runtime::Event next_over;
    scene.begin(next_over);
    const bool done = co_await scene.ledger_says(is_closed);
    REQUIRE(done);
    co_await scene.end(next_over);
    CHECK(scene.api.posts == 1);
    co_await scene.session->close();
  });
}

TEST_CASE("leader: after an outage one tick makes up for all that were missed",
          "[distributor][ledger]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, TickSchedule::every(1h));
    const Instant last = now() - 10h - 1min;
    co_await scene.ledger.write(nothing, last, /*open=*/false);
    runtime::Event over;
    scene.begin(over);
    const auto made_up = [last](const LedgerEntry& kept) {
      return !kept.open && kept.last == last + 10h;
    };
    const bool done = co_await scene.ledger_says(made_up);
    REQUIRE(done);
    co_await scene.end(over);
    CHECK(scene.api.posts == 1);
    co_await scene.session->close();
  });
}

TEST_CASE("leader: cron counts from the first leader on", "[distributor][ledger]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, cron("0 0 1 1 *"));
    runtime::Event over;
    scene.begin(over);
    const bool counts = co_await scene.ledger_says(is_closed);
    REQUIRE(counts);
    co_await scene.end(over);
    CHECK(scene.api.posts == 0);
    // A tick came while nobody led.
    const auto kept = co_await scene.ledger.read();
    co_await scene.ledger.write(kept, now() - std::chrono::days(400), /*open=*/false);
    runtime::Event next_over;
    scene.begin(next_over);
    const auto wanted = [&scene] { return scene.api.posts == 1; };
    const bool made_up = co_await eventually(wanted);
    REQUIRE(made_up);
    co_await scene.end(next_over);
    co_await scene.session->close();
  });
}

TEST_CASE("leader: of two that believe to lead only one gets a tick", "[distributor][ledger]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, TickSchedule::every(300ms));
    DistributionLeader second(*scene.session, *scene.subject, scene.instruments);
    runtime::Event over;
    scene.begin(over);
    scene.leaders.spawn(second.lead([] { return true; }, over));
    const auto wanted = [&scene] { return scene.api.posts >= 5; };
    const bool enough = co_await eventually(wanted);
    REQUIRE(enough);
    co_await scene.end(over);
    std::multiset<std::string> names;
    for (const json& job : scene.api.all("job")) names.insert(job["name"].get<std::string>());
    for (const std::string& name : names) CHECK(names.count(name) == 1);
    co_await scene.session->close();
  });
}

TEST_CASE("leader: an unreadable ledger counts as never and is replaced", "[distributor][ledger]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, TickSchedule::every(24h));
    co_await zookeeper::ensure_path(*scene.session, scene.ledger.path());
    runtime::Event over;
    scene.begin(over);
    const bool done = co_await scene.ledger_says(is_closed);
    REQUIRE(done);
    co_await scene.end(over);
    CHECK(scene.api.posts == 1);
    co_await scene.session->close();
  });
}
