// Leaders that die at each step of a tick with three rows: the successor makes exactly one job for
// each, whether the API takes chosen ids or not. tests/integration/crash does the same to
// processes.
#include <catch2/catch.hpp>
#include <set>

#include "tests/integration/distributor/leader_scene.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::distributor;
using namespace std::chrono_literals;
using nlohmann::json;
using tests::run_on_loop;
using Scene = tests::LeaderScene;

namespace {

constexpr std::size_t rows = 3;

// Where the leader's life ends; the posts are counted from 1.
struct Death {
  enum class Step { BeforeClaim, AfterClaim, PostLost, AnswerLost, BeforeClosing };
  Step step;
  int post = 1;
};

bool is_closed(const LedgerEntry& entry) {
  return !entry.open;
}

void check_one_job_a_row(const Scene& scene) {
  std::multiset<std::string> targets;
  for (const json& job : scene.api.all("job")) {
    targets.insert(job["target-resource"]["href"].get<std::string>());
  }
  CHECK(targets.size() == rows);
  CHECK(std::set<std::string>(targets.begin(), targets.end()).size() == rows);
}

// Runs a leader until its death. What it wrote by then stays.
awaitable<void> live_and_die(Scene& scene, Death death) {
  using Step = Death::Step;
  runtime::Event over;
  if (death.step == Step::BeforeClaim) {
    scene.leading = false;  // stops it right before the claim
    scene.begin(over);
    co_await over.wait_for(50ms);
    co_await scene.end(over);
    co_return;
  }
  int posts = 0;
  runtime::Event died;
  scene.api.before_post = [&](const json&) {
    if (++posts < death.post && death.step != Step::AfterClaim) return true;
    scene.leading = false;
    if (death.step != Step::BeforeClosing) over.raise();
    died.raise();
    return death.step == Step::AnswerLost || death.step == Step::BeforeClosing;
  };
  scene.begin(over);
  const bool dead = co_await died.wait_for(30s);
  REQUIRE(dead);
  const auto all_made = [&] {
    return death.step != Step::BeforeClosing || scene.api.posts == static_cast<int>(rows);
  };
  const bool posted = co_await tests::eventually(all_made);
  REQUIRE(posted);
  co_await scene.end(over);
}

awaitable<void> succeed(asio::io_context& loop, Death death, bool ids_count) {
  Scene scene(loop, TickSchedule::every(24h), Misfire::Once, ForEach{"thing", "", {}});
  scene.api.ids_count = ids_count;
  for (std::size_t i = 0; i < rows; ++i) scene.api.put("thing", json::object());
  co_await live_and_die(scene, death);
  const auto kept = co_await scene.ledger.read();
  CHECK(kept.open == (death.step != Death::Step::BeforeClaim));
  scene.leading = true;
  scene.api.before_post = nullptr;
  runtime::Event over;
  scene.begin(over);
  const bool done = co_await scene.ledger_says(is_closed);
  REQUIRE(done);
  co_await scene.end(over);
  check_one_job_a_row(scene);
  co_await scene.session->close();
}

void succeed_each(const std::vector<Death>& deaths) {
  for (const Death death : deaths) {
    for (const bool ids_count : {true, false}) {
      INFO("step " << static_cast<int>(death.step) << ", post " << death.post
                   << ", ids count: " << ids_count);
      run_on_loop([=](asio::io_context& loop) { return succeed(loop, death, ids_count); });
    }
  }
}

}  // namespace

TEST_CASE("dead leader: before the claim, after the claim", "[distributor][death]") {
  succeed_each({{Death::Step::BeforeClaim}, {Death::Step::AfterClaim}});
}

TEST_CASE("dead leader: between two posts", "[distributor][death]") {
  succeed_each({{Death::Step::PostLost, 1},
                {Death::Step::PostLost, 2},
                {Death::Step::PostLost, 3},
                {Death::Step::AnswerLost, 1},
                {Death::Step::AnswerLost, 2},
                {Death::Step::AnswerLost, 3}});
}

TEST_CASE("dead leader: after the posts, before the closing", "[distributor][death]") {
  succeed_each({{Death::Step::BeforeClosing, 3}});
}

TEST_CASE("dead leader: its post that arrives after the successor is done makes no second job",
          "[distributor][death]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Scene scene(loop, TickSchedule::every(24h), Misfire::Once, ForEach{"thing", "", {}});
    scene.api.ids_count = true;
    for (std::size_t i = 0; i < rows; ++i) scene.api.put("thing", json::object());
    std::vector<json> held_up;
    runtime::Event over;
    scene.api.before_post = [&](const json& document) {
      held_up.push_back(document);
      if (held_up.size() == rows) over.raise();
      return false;
    };
    scene.begin(over);
    const bool dead = co_await over.wait_for(30s);
    REQUIRE(dead);
    co_await scene.end(over);
    scene.api.before_post = nullptr;
    runtime::Event second_over;
    scene.begin(second_over);
    const bool done = co_await scene.ledger_says(is_closed);
    REQUIRE(done);
    co_await scene.end(second_over);
    check_one_job_a_row(scene);
    for (const json& late : held_up) {
      cimi::Client& client = scene.api;
      const cimi::Reply reply = co_await client.add("job", late);
      CHECK(reply.kind == cimi::ReplyKind::Conflict);
    }
    check_one_job_a_row(scene);
    co_await scene.session->close();
  });
}
