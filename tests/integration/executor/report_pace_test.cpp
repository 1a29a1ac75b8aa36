// When what an action says of its progress is written: rarely, and in the end all of it.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/integration/executor/run_on_bench.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using cimi::ReplyKind;
using nlohmann::json;
using runtime::Clock;

namespace {

constexpr auto pace = 150ms;

// A bench whose API notes when it was sent reports, and the file that ends the steady action.
struct Scene {
  explicit Scene(Bench& of) : bench(of), file((directory.path() / "enough").string()) {
    bench.limits.action.report_pace = pace;
    bench.api.trouble = [this](const cimi::Request& request) {
      MemoryApi::Trouble none;
      if (!is_edit(request, "")) return none;
      sent_at.push_back(Clock::now());
      return on_report ? on_report(sent_at.size()) : none;
    };
  }

  std::string add_job(const char* action) {
    const json changes = {{"payload", json(file).dump()}};
    return bench.api.add_job(action, changes.dump().c_str());
  }
  void end_action() const { std::ofstream(file) << "enough"; }
  bool wrote(const std::string& id, const char* status) {
    return bench.api.job(id).value("status-message", "") == status;
  }
  // The shortest time from one report to the next.
  runtime::Duration shortest_gap() const {
    runtime::Duration shortest = runtime::Duration::max();
    for (std::size_t i = 1; i < sent_at.size(); ++i) {
      shortest = std::min<runtime::Duration>(shortest, sent_at[i] - sent_at[i - 1]);
    }
    return shortest;
  }

  Bench& bench;
  TemporaryDirectory directory;
  std::string file;
  std::vector<runtime::TimePoint> sent_at;
  // What becomes of the how many-th report, from 1.
  std::function<MemoryApi::Trouble(std::size_t)> on_report;
};

void on_scene(const std::function<awaitable<void>(Scene&)>& body) {
  on_bench([&body](Bench& bench) -> awaitable<void> {
    Scene scene(bench);
    co_await body(scene);
    // It refers to the scene.
    bench.api.trouble = nullptr;
  });
}

// As bench.run(), beside the test.
awaitable<void> run_into(Bench& bench, std::string id, Outcome& outcome, runtime::Event& ended) {
  outcome = co_await bench.run(std::move(id));
  ended.raise();
}

}  // namespace

TEST_CASE("reports: the executor's own pace is one a second") {
  CHECK(ActionLimits().report_pace == 1s);
}

TEST_CASE("reports: however steadily an action reports, its job is edited once in a pace") {
  on_scene([](Scene& scene) -> awaitable<void> {
    const std::string id = scene.add_job("test_report_steadily");
    scene.on_report = [&scene](std::size_t number) {
      if (number == 4) scene.end_action();
      return MemoryApi::Trouble();
    };
    const Outcome outcome = co_await scene.bench.run(id);
    CHECK(outcome.result == RunResult::Success);
    CHECK(scene.sent_at.size() >= 4);
    CHECK(scene.shortest_gap() >= pace);
    // The last value comes with the end itself.
    const json& last = scene.bench.api.edits.back();
    CHECK(last["state"] == "SUCCESS");
    CHECK(scene.bench.api.job(id)["progress"] == 77);
    CHECK(scene.wrote(id, "the last"));
  });
}

TEST_CASE("reports: the last of many is written while the action goes on in silence") {
  on_scene([](Scene& scene) -> awaitable<void> {
    const std::string id = scene.add_job("test_report_and_wait");
    Outcome outcome;
    runtime::Event ended;
    scene.bench.background.spawn(run_into(scene.bench, id, outcome, ended));
    const bool written = co_await eventually([&] { return scene.wrote(id, "the last for long"); });
    CHECK(written);
    CHECK(scene.bench.api.job(id)["progress"] == 66);
    CHECK(scene.shortest_gap() >= pace);
    CHECK_FALSE(ended.raised());
    scene.bench.api.job(id)["state"] = "CANCELED";
    co_await ended.wait();
    CHECK(outcome.result == RunResult::AlreadyFinal);
  });
}

TEST_CASE("reports: one that could not be written comes again, in its turn") {
  const auto kind =
      GENERATE(ReplyKind::Unavailable, ReplyKind::Unreachable, ReplyKind::PreconditionFailed);
  const bool applied = kind == ReplyKind::Unreachable;
  CAPTURE(static_cast<int>(kind));
  on_scene([kind, applied](Scene& scene) -> awaitable<void> {
    const std::string id = scene.add_job("test_report_and_wait");
    // What is reported at once may be written at once: the first one has the last values then.
    scene.on_report = [&](std::size_t number) {
      MemoryApi::Trouble trouble;
      if (number <= 2) {
        trouble.kind = kind;
        trouble.applied = applied && number == 2;
      }
      return trouble;
    };
    Outcome outcome;
    runtime::Event ended;
    scene.bench.background.spawn(run_into(scene.bench, id, outcome, ended));
    const bool written = co_await eventually(
        [&] { return scene.wrote(id, "the last for long") && scene.sent_at.size() >= 3; });
    CAPTURE(scene.sent_at.size(), scene.bench.api.job(id).dump());
    CHECK(written);
    CHECK(scene.bench.api.job(id)["progress"] == 66);
    CHECK(scene.shortest_gap() >= pace);
    scene.bench.api.job(id)["state"] = "CANCELED";
    co_await ended.wait();
  });
}

TEST_CASE("reports: one that fails as the action ends comes with the end") {
  on_scene([](Scene& scene) -> awaitable<void> {
    const std::string id = scene.add_job("test_report_steadily");
    const auto answered = std::make_shared<runtime::Event>();
    scene.on_report = [&](std::size_t) {
      MemoryApi::Trouble trouble;
      trouble.kind = ReplyKind::Unreachable;
      trouble.until = answered;
      return trouble;
    };
    Outcome outcome;
    runtime::Event ended;
    scene.bench.background.spawn(run_into(scene.bench, id, outcome, ended));
    const bool asked = co_await eventually([&] { return scene.sent_at.size() == 1; });
    REQUIRE(asked);
    scene.end_action();
    // Its end is not waited for: whichever comes first, nothing is lost.
    answered->raise();
    co_await ended.wait();
    CHECK(outcome.result == RunResult::Success);
    CHECK(scene.bench.api.job(id)["progress"] == 77);
    CHECK(scene.wrote(id, "the last"));
    CHECK(scene.bench.api.job(id)["state"] == "SUCCESS");
  });
}

TEST_CASE("reports: of a job that was cancelled nothing more is written") {
  on_scene([](Scene& scene) -> awaitable<void> {
    const std::string id = scene.add_job("test_report_steadily");
    scene.on_report = [&](std::size_t number) {
      if (number == 2) scene.bench.api.job(id)["state"] = "CANCELED";
      return MemoryApi::Trouble();
    };
    const Outcome outcome = co_await scene.bench.run(id);
    CHECK(outcome.result == RunResult::AlreadyFinal);
    CHECK(scene.sent_at.size() == 2);  // refused, and that was all
    CHECK_FALSE(scene.wrote(id, "the last"));
    CHECK(scene.bench.api.job(id)["state"] == "CANCELED");
  });
}

TEST_CASE("reports: the last words of a drained action are written before its entry is released") {
  on_scene([](Scene& scene) -> awaitable<void> {
    const std::string id = scene.add_job("test_report_when_stopped");
    scene.bench.limits.action.stop_grace = 20s;
    scene.on_report = [&scene](std::size_t number) {
      if (number == 1) scene.bench.current->end_soon();
      return MemoryApi::Trouble();
    };
    const Outcome outcome = co_await scene.bench.run(id);
    CHECK(outcome.fate == EntryFate::Release);
    const json& job = scene.bench.api.job(id);
    CHECK(job["state"] == "RUNNING");
    CHECK(job["progress"] == 88);
    CHECK(scene.wrote(id, "stopped there"));
    // Of an API that is away nobody waits for long.
    const std::string next = scene.add_job("test_report_when_stopped");
    scene.sent_at.clear();
    scene.on_report = [&scene](std::size_t number) {
      MemoryApi::Trouble trouble;
      if (number == 1) scene.bench.current->end_soon();
      trouble.kind = ReplyKind::Unreachable;
      return trouble;
    };
    const Outcome alone = co_await scene.bench.run(next);
    CHECK(alone.fate == EntryFate::Release);
    CHECK(scene.sent_at.size() >= 2);
  });
}
