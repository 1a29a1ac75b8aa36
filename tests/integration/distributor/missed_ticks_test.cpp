// What becomes of missed ticks by each policy, with a real ZooKeeper, also when leaders die
// meanwhile.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/integration/distributor/leader_scene.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::distributor;
using namespace std::chrono_literals;
using nlohmann::json;
using tests::run_on_loop;
using Scene = tests::LeaderScene;
using Trouble = tests::MemoryApi::Trouble;

namespace {

const LedgerEntry nothing;

std::vector<std::string> names_of_jobs(const Scene& scene) {
  std::vector<std::string> names;
  for (const json& job : scene.api.all("job")) names.push_back(job.value("name", ""));
  std::sort(names.begin(), names.end());
  return names;
}

// Nobody led while nine hourly ticks came due; the tenth comes in a moment.
struct Outage {
  explicit Outage(Misfire misfire) : last(now() - 10h + 1500ms) {
    if (misfire == Misfire::Once) ticks = {last + 9h, last + 10h};
    if (misfire == Misfire::Skip) ticks = {last + 10h};
    if (misfire == Misfire::All) {
      for (int i = 1; i <= 10; ++i) ticks.push_back(last + i * 1h);
    }
  }
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const Instant tick : ticks) result.push_back("d@" + text(tick));
    return result;
  }
  bool is_over(const LedgerEntry& kept) const { return !kept.open && kept.last == last + 10h; }

  Instant last;
  std::vector<Instant> ticks;  // that are to happen
};

enum class Death { None, BeforeThePost, AfterThePost };

// The leader dies around the how many-th POST; another goes on.
awaitable<void> sit_out(asio::io_context& loop, Misfire misfire, Death death, int at,
                        bool ids_count) {
  Scene scene(loop, TickSchedule::every(1h), misfire);
  scene.api.ids_count = ids_count;
  const Outage outage(misfire);
  co_await scene.ledger.write(nothing, outage.last, /*open=*/false);
  runtime::Event over;
  int posts = 0;
  scene.api.before_post = [&](const json&) {
    if (death == Death::None || ++posts != at) return true;
    over.raise();
    return death == Death::AfterThePost;
  };
  scene.begin(over);
  const auto is_over = [&outage](const LedgerEntry& kept) { return outage.is_over(kept); };
  if (death != Death::None) {
    co_await over.wait_for(30s);
    REQUIRE(over.raised());
    co_await scene.end(over);
    over.reset();
    scene.begin(over);
  }
  const bool made_up = co_await scene.ledger_says(is_over);
  REQUIRE(made_up);
  co_await scene.end(over);
  CHECK(names_of_jobs(scene) == outage.names());
  co_await scene.session->close();
}

}  // namespace

TEST_CASE("missed ticks: skip makes none up, once the latest, all every one", "[distributor]") {
  for (const Misfire misfire : {Misfire::Skip, Misfire::Once, Misfire::All}) {
    run_on_loop([misfire](asio::io_context& loop) {
      return sit_out(loop, misfire, Death::None, 0, /*ids_count=*/true);
    });
  }
}

TEST_CASE(
    "missed ticks: a leader that dies while it makes up for them leaves none and doubles none",
    "[distributor]") {
  for (const Misfire misfire : {Misfire::Skip, Misfire::Once, Misfire::All}) {
    for (const Death death : {Death::BeforeThePost, Death::AfterThePost}) {
      for (const bool ids_count : {true, false}) {
        const int at = misfire == Misfire::All ? 4 : 1;
        run_on_loop(
            [=](asio::io_context& loop) { return sit_out(loop, misfire, death, at, ids_count); });
      }
    }
  }
}

TEST_CASE("missed ticks: with all, an API that is away holds ticks up and loses none",
          "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, TickSchedule::every(200ms), Misfire::All);
    scene.api.ids_count = true;
    scene.api.trouble("POST", Trouble::Unavailable, 3);
    runtime::Event over;
    scene.begin(over);
    const auto wanted = [&scene] { return scene.api.posts >= 12; };
    const bool enough = co_await tests::eventually(wanted);
    REQUIRE(enough);
    co_await scene.end(over);
    const auto names = names_of_jobs(scene);
    const auto first = parse_instant(names.front().substr(2));
    REQUIRE(first);
    for (std::size_t i = 0; i < names.size(); ++i) {
      CHECK(names[i] == "d@" + text(*first + static_cast<int>(i) * 200ms));
    }
    co_await scene.session->close();
  });
}

TEST_CASE("missed ticks: with all, an open tick is finished however long ago its leader died",
          "[distributor]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, TickSchedule::every(1h), Misfire::All);
    const Instant last = now() - 2h - 30min;
    co_await scene.ledger.write(nothing, last, /*open=*/true);
    runtime::Event over;
    scene.begin(over);
    const auto made_up = [last](const LedgerEntry& kept) {
      return !kept.open && kept.last == last + 2h;
    };
    const bool done = co_await scene.ledger_says(made_up);
    REQUIRE(done);
    co_await scene.end(over);
    CHECK(names_of_jobs(scene) == std::vector<std::string>{"d@" + text(last),
                                                           "d@" + text(last + 1h),
                                                           "d@" + text(last + 2h)});
    co_await scene.session->close();
  });
}
