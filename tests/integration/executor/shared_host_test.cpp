// Isolation `shared`: actions in threads of this process, which stands for the executor.
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <set>

#include "common/runtime/failure.hpp"
#include "tests/integration/executor/bench.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

void on_bench(SharedActions shared_actions, const std::function<awaitable<void>(Bench&)>& body) {
  run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop, shared_actions);
    co_await bench.prepare();
    co_await body(bench);
    co_await bench.close();
  });
}

void on_bench(const std::function<awaitable<void>(Bench&)>& body) {
  on_bench(SharedActions({"all"}), body);
}

awaitable<void> run_one(Bench& bench, std::string id) {
  co_await bench.run(id);
}

// Takes whatever an action says.
class Listener final : public HostListener {
 public:
  void on_progress(int percent) override { progress = percent; }
  void on_status(std::string text) override { status = std::move(text); }
  void on_affected_resource(std::string) override {}
  void on_log(int, std::string) override { ++logs; }
  void on_output(OutputStream, std::string_view) override {}
  void on_api_request(ApiRequestMessage) override {}
  void on_checkpoint(CheckpointMessage) override {}
  int progress = -1;
  std::string status;
  int logs = 0;
};

HostWish wish(const char* action, Isolation isolation) {
  return {good_plugins() + "/test_actions.so", action, isolation};
}

RunMessage message(const char* action) {
  RunMessage run;
  run.action = action;
  run.document = R"({"id": "job/1"})";
  return run;
}

}  // namespace

TEST_CASE("a shared action runs in this process, and what it says is written") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("shared_ok");
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::Success);
    const json& job = bench.api.job(id);
    CHECK(job["state"] == "SUCCESS");
    CHECK(job["progress"] == 50);
    CHECK(job["status-message"] == "half way");
    CHECK(job["affected-resources"] == json::parse(R"([{"href": "deployment/7"}])"));
    const std::string telling = bench.api.add_job("shared_tell_process");
    co_await bench.run(telling);
    CHECK(bench.api.job(telling)["status-message"] == std::to_string(::getpid()));
    CHECK(bench.hosts.busy_threads() == 0);
  });
}

TEST_CASE("a shared action fails by its return code and by its word") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string returning = bench.api.add_job("shared_return", R"({"payload": "17"})");
    co_await bench.run(returning);
    CHECK(bench.api.job(returning)["state"] == "FAILED");
    CHECK(bench.api.job(returning)["return-code"] == 17);
    const std::string breaking = bench.api.add_job("shared_break_off");
    co_await bench.run(breaking);
    CHECK(bench.api.job(breaking)["status-message"] == "it broke");
  });
}

TEST_CASE("only the operator lets an action run in the executor; others have a process") {
  on_bench(SharedActions({"shared_ok"}), [](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("shared_tell_process");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    CHECK(bench.api.job(id)["status-message"] != std::to_string(::getpid()));
    // Nor does the operator's word make a shared action of one that does not ask for it.
    const std::string asks_not = bench.api.add_job("test_tell_process");
    co_await bench.run(asks_not);
    CHECK(bench.api.job(asks_not)["status-message"] != std::to_string(::getpid()));
  });
}

TEST_CASE("the names an operator allows: those given, or all") {
  CHECK_FALSE(SharedActions().allow("any"));
  CHECK(SharedActions({"all", ""}).names().empty());
  CHECK(SharedActions({"one", "bulk_*"}).allow("one"));
  CHECK(SharedActions({"one", "bulk_*"}).allow("bulk_*"));
  CHECK_FALSE(SharedActions({"one", "bulk_*"}).allow("bulk_more"));
  CHECK(SharedActions({"one", "all"}).allow("any"));
}

TEST_CASE("one file serves threads and processes at the same time") {
  on_bench([](Bench& bench) -> awaitable<void> {
    runtime::TaskGroup runs(bench.loop.get_executor());
    std::vector<std::string> ids;
    for (int i = 0; i < 5; ++i) {
      ids.push_back(bench.api.add_job("shared_tell_process"));
      ids.push_back(bench.api.add_job("test_tell_process"));
    }
    for (const std::string& id : ids) runs.spawn(run_one(bench, id));
    co_await runs.join();
    for (const std::string& id : ids) {
      const json& job = bench.api.job(id);
      CHECK(job["state"] == "SUCCESS");
      const bool here = job["status-message"] == std::to_string(::getpid());
      CHECK(here == (job["action"] == "shared_tell_process"));
    }
  });
}

TEST_CASE("fifty shared jobs at a time: each je_action runs one of them at a time") {
  on_bench([](Bench& bench) -> awaitable<void> {
    runtime::TaskGroup runs(bench.loop.get_executor());
    std::vector<std::string> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(bench.api.add_job("shared_alone"));
    for (const std::string& id : ids) runs.spawn(run_one(bench, id));
    co_await runs.join();
    for (const std::string& id : ids) CHECK(bench.api.job(id)["state"] == "SUCCESS");
    CHECK(bench.hosts.idle() == 50);
    CHECK(bench.hosts.busy_threads() == 0);
  });
}

TEST_CASE("a shared action reaches the resource API") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("shared_ask_api");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    const auto seen = json::parse(bench.api.job(id)["status-message"].get<std::string>());
    CHECK(seen["id"] == id);
  });
}

TEST_CASE("however much a shared action says, few edits are made and the last values are written") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.limits.action.report_pace = 1s;
    const std::string id = bench.api.add_job("shared_talk");
    const auto started = runtime::Clock::now();
    co_await bench.run(id);
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(runtime::Clock::now() - started).count();
    CHECK(bench.api.job(id)["status-message"] == "19999");
    CHECK(bench.api.edits.size() <= static_cast<std::size_t>(seconds) + 4);
  });
}

TEST_CASE("a shared action is asked to stop") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("shared_obey");
    bench.api.after_edit = [&](const std::string&) {
      json& job = bench.api.job(id);
      if (job.contains("status-message")) job["state"] = "CANCELED";
    };
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::AlreadyFinal);
    CHECK(bench.hosts.stuck() == 0);
  });
}

TEST_CASE("a stop that a shared action ignores is counted, and the record says so at the end") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.limits.action.timeout = 100ms;
    std::size_t most_stuck = 0;
    bench.hosts.on_stuck([&](std::size_t count) { most_stuck = std::max(most_stuck, count); });
    const std::string id = bench.api.add_job("shared_deaf", R"({"payload": "1500"})");
    co_await bench.run(id);
    CHECK(most_stuck == 1);
    CHECK(bench.hosts.stuck() == 0);
    const json& job = bench.api.job(id);
    CHECK(job["state"] == "FAILED");
    const auto text = job["status-message"].get<std::string>();
    CHECK_THAT(text, Catch::Contains("limit of 100 ms"));
    CHECK_THAT(text, Catch::Contains("ignored the request to stop"));
    CHECK_THAT(text, Catch::Contains("cannot be killed"));
  });
}

TEST_CASE("threads are used again, as often as the pool allows") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    HostPoolLimits limits;
    limits.jobs_until_replaced = 2;
    limits.shared_actions = SharedActions({"all"});
    HostPool pool(loop, host_command(), limits);
    Listener listener;
    std::vector<std::shared_ptr<ActionHost>> kept;
    for (int i = 0; i < 3; ++i) {
      HostWish wanted = wish("shared_ok", Isolation::Shared);
      std::shared_ptr<ActionHost> host = co_await pool.borrow(std::move(wanted));
      CHECK_FALSE(host->can_be_killed());
      RunMessage run = message("shared_ok");
      const HostRunEnd end = co_await host->run(std::move(run), listener);
      CHECK(end.result.has_value());
      kept.push_back(host);
      pool.give_back(std::move(host));
    }
    CHECK(kept[0] == kept[1]);
    CHECK(kept[2] != kept[1]);
    CHECK(listener.progress == 50);
    CHECK(listener.logs == 3);
    co_await pool.close();
  });
}

TEST_CASE("a plugin that cannot be loaded into the executor is refused with its reason") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    HostPoolLimits limits;
    limits.shared_actions = SharedActions({"all"});
    HostPool pool(loop, host_command(), limits);
    std::string reason;
    HostWish wanted;
    wanted.plugin_file = bad_plugins() + "/no_symbol.so";
    wanted.action = "test_refused";
    wanted.isolation = Isolation::Shared;
    try {
      co_await pool.borrow(std::move(wanted));
    } catch (const runtime::Failure& failure) {
      reason = failure.what();
    }
    CHECK_THAT(reason, Catch::Contains("does not export the symbol"));
    CHECK(pool.busy_threads() == 0);
    co_await pool.close();
  });
}

TEST_CASE("an action that asks for no thread is not run in one, whoever wishes it") {
  on_bench([](Bench& bench) -> awaitable<void> {
    HostWish wanted = wish("test_tell_process", Isolation::Shared);
    std::shared_ptr<ActionHost> host = co_await bench.hosts.borrow(std::move(wanted));
    Listener listener;
    RunMessage run = message("test_tell_process");
    const HostRunEnd end = co_await host->run(std::move(run), listener);
    REQUIRE(end.result.has_value());
    CHECK_THAT(end.result->message, Catch::Contains("no action test_tell_process of isolation"));
    CHECK(listener.status.empty());
    CHECK_FALSE(host->reusable());
    bench.hosts.give_back(std::move(host));
  });
}

TEST_CASE("what a shared action of the SDK throws fails its job, and its thread goes on") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string plugin = build_directory() + "/lib/job-engine/actions/dummy_test_action.so";
    Manifest manifest;
    manifest.name = "dummy_test_action";
    manifest.isolation = Isolation::Shared;
    bench.catalog.add(manifest, plugin);
    const std::string throwing =
        bench.api.add_job("dummy_test_action", R"({"payload": "{\"duration\": \"long\"}"})");
    co_await bench.run(throwing);
    CHECK(bench.api.job(throwing)["state"] == "FAILED");
    CHECK_THAT(bench.api.job(throwing)["status-message"].get<std::string>(),
               Catch::Contains("duration"));
    const std::string next =
        bench.api.add_job("dummy_test_action", R"({"payload": "{\"duration\": 0}"})");
    co_await bench.run(next);
    CHECK(bench.api.job(next)["state"] == "SUCCESS");
    CHECK(bench.hosts.idle() == 1);
  });
}

TEST_CASE("this process ends with the lease of a shared action, even while its loop is blocked") {
  const pid_t child = ::fork();
  if (child == 0) {
    SharedThreads threads;
    constexpr LeaseStamp ms = 1'000'000;
    const int early = 0;
    const int late = 0;
    threads.set_lease(&late, lease_clock_now() + 3'600'000 * ms);
    threads.set_lease(&early, lease_clock_now() + 1 * ms);
    threads.set_lease(&early, lease_clock_now() + 50 * ms);  // renewed
    ::alarm(20);  // it is killed by a signal when nothing else ends it
    for (;;) ::pause();
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  // In order; or, where that takes half a second, by the kernel. Not by the alarm.
  const bool in_order = WIFEXITED(status) && WEXITSTATUS(status) == exit_shared_action_left;
  const bool by_kernel = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  CHECK((in_order || by_kernel));
}

TEST_CASE("two editions of a plugin run in threads side by side") {
  on_bench([](Bench& bench) -> awaitable<void> {
    for (const char* name : {"edition_1.so", "edition_2.so"}) {
      const std::string file = build_directory() + "/tests/plugins/editions/" + name;
      HostWish wanted{file, "edition_tell", Isolation::Shared};
      std::shared_ptr<ActionHost> host = co_await bench.hosts.borrow(std::move(wanted));
      Listener listener;
      RunMessage run = message("edition_tell");
      co_await host->run(std::move(run), listener);
      const bool first = std::string_view(name) == "edition_1.so";
      CHECK(listener.status == (first ? "first edition" : "second edition"));
      bench.hosts.give_back(std::move(host));
    }
  });
}
