// The logs of jobs that run in real hosts, against an API in memory.
#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/executor/run_on_bench.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using cimi::ReplyKind;
using nlohmann::json;

namespace {

using Lines = std::vector<std::string>;

bool is_log(const cimi::Request& request) {
  return request.path.ends_with("/logs");
}

bool contains(const Lines& lines, const std::string& text) {
  return std::any_of(lines.begin(), lines.end(), [&text](const std::string& line) {
    return line.find(text) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("what an action prints and says is in its job's log, and its end in the job") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("print");
    co_await bench.run(id);
    const json job = bench.api.job(id);
    CHECK(job["state"] == "SUCCESS");
    const auto output = job["output"].get<std::string>();
    for (const char* line : {"one on stdout", "one on stderr", "one by log", "without a newline"}) {
      CHECK_THAT(output, Catch::Contains(line));
    }
    auto complete = [&] { return contains(bench.api.log_texts(id), "returned"); };
    REQUIRE(co_await eventually(complete));
    CHECK(bench.api.log_texts(id, "stdout") == Lines{"one on stdout", "without a newline"});
    CHECK(bench.api.log_texts(id, "stderr") == Lines{"one on stderr"});
    CHECK(bench.api.log_texts(id, "log") == Lines{"one by log"});
    CHECK(bench.api.log_texts(id, "engine") ==
          Lines{"started on executor bench, attempt 1", "the action returned 0"});
  });
}

TEST_CASE("a job whose action is silent costs no request for its log, and has no output") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_return", R"({"payload": "0"})");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    CHECK_FALSE(bench.api.job(id).contains("output"));
    co_await bench.close();
    CHECK(bench.api.log_requests == 0);
  });
}

TEST_CASE("the log of a job that is stopped tells what was done to its action") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.limits.action.timeout = std::chrono::milliseconds(300);
    const std::string id = bench.api.add_job("print_and_hang");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["output"] == "hanging");
    co_await bench.close();
    const Lines lines = bench.api.log_texts(id, "engine");
    CHECK(contains(lines, "asked to stop: The action was stopped after its limit of 300 ms"));
    CHECK(contains(lines, "SIGTERM sent"));
    CHECK(contains(lines, "killed (SIGKILL)"));
    CHECK(contains(lines, "its process has ended"));
  });
}

TEST_CASE("the log of a job whose action crashes says how, and has its last words") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("test_crash");
    co_await bench.run(id);
    co_await bench.close();
    CHECK(bench.api.log_texts(id, "stdout") == Lines{"about to crash"});
    CHECK(contains(bench.api.log_texts(id, "engine"), "killed by signal 11"));
    CHECK_THAT(bench.api.job(id)["output"].get<std::string>(), Catch::Contains("about to crash"));
    CHECK_THAT(bench.api.job(id)["status-message"].get<std::string>(),
               Catch::Contains("Its last output:\nabout to crash"));
  });
}

TEST_CASE("an API whose log is slow or away delays neither the outcome nor the slot") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const auto never = std::make_shared<runtime::Event>();
    bench.api.trouble = [&](const cimi::Request& request) {
      MemoryApi::Trouble trouble;
      if (is_log(request)) trouble.until = never;
      return trouble;
    };
    const std::string id = bench.api.add_job("print_lines", R"({"payload": "20000"})");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    CHECK_THAT(bench.api.job(id)["output"].get<std::string>(), Catch::EndsWith("19999"));
    auto asked = [&] { return bench.api.log_requests == 1; };
    CHECK(co_await eventually(asked));
    never->raise();
  });
}

TEST_CASE("an API that knows no logs gets outputs, and is asked once") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.api.has_logs = false;
    for (int i = 0; i < 3; ++i) {
      const std::string id = bench.api.add_job("print");
      co_await bench.run(id);
      CHECK(bench.api.job(id)["state"] == "SUCCESS");
      CHECK(bench.api.job(id).contains("output"));
      auto asked = [&] { return bench.api.log_requests > 0; };
      REQUIRE(co_await eventually(asked));
    }
    co_await bench.close();
    CHECK(bench.api.log_requests == 1);
  });
}

TEST_CASE("each attempt has lines of its own, and a run of the same number goes on behind") {
  on_bench([](Bench& bench) -> awaitable<void> {
    const std::string id = bench.api.add_job("print");
    for (const int attempt : {1, 2, 2}) {
      bench.api.job(id)["state"] = "QUEUED";
      co_await bench.run(id, attempt);
      bench.api.job(id)["started"] = "2026-11-21T08:00:00Z";
      const auto ended = [&, wanted = std::size_t{6}] {
        return !bench.api.log(id).empty() && bench.api.log(id).size() % wanted == 0;
      };
      REQUIRE(co_await eventually(ended));
    }
    co_await bench.close();
    const auto& lines = bench.api.log(id);
    REQUIRE(lines.size() == 18);
    CHECK(lines[5]["n"] == 5);
    CHECK(lines[6]["attempt"] == 2);
    CHECK(lines[6]["n"] == 0);
    CHECK(lines[17]["attempt"] == 2);
    CHECK(lines[17]["n"] == 11);
  });
}

TEST_CASE("an output that the API refuses does not cost the outcome") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.api.trouble = [](const cimi::Request& request) {
      MemoryApi::Trouble trouble;
      if (request.method == "PUT" && request.path != "job" &&
          json::parse(request.body).contains("output")) {
        trouble.kind = ReplyKind::Invalid;
      }
      return trouble;
    };
    const std::string id = bench.api.add_job("print");
    const Outcome outcome = co_await bench.run(id);
    CHECK(outcome.result == RunResult::Success);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    CHECK_FALSE(bench.api.job(id).contains("output"));
  });
}

TEST_CASE(
    "a job that prints far more than its limit has the beginning, a notice and the end in its "
    "log") {
  on_bench([](Bench& bench) -> awaitable<void> {
    bench.log_options.limit = 100UL * 1024;
    const std::string id = bench.api.add_job("print_flood", R"({"payload": "300"})");
    co_await bench.run(id);
    CHECK(bench.api.job(id)["state"] == "SUCCESS");
    CHECK_THAT(bench.api.job(id)["output"].get<std::string>(),
               Catch::EndsWith("the end of the flood"));
    co_await bench.close();
    const Lines printed = bench.api.log_texts(id, "stdout");
    CHECK(printed.size() > 300);
    CHECK(printed.size() < 1000);
    CHECK(printed.back() == "the end of the flood");
    CHECK(contains(bench.api.log_texts(id, "engine"), " bytes were dropped: the limit of 100 KiB"));
  });
}
