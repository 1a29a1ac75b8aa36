// No crash point without its story, and no story of a point that is not there.
#include "tests/integration/crash/points.hpp"

#include <catch2/catch.hpp>

#include "tests/integration/crash/doomed_program.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::tests;

TEST_CASE("every crash point of the programs has its story", "[crash]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    std::set<std::string> told = executor_points_told();
    told.merge(api_points_told());
    told.merge(distributor_points_told());
    told.merge(keeper_points_told());
    std::set<std::string> known;
    for (const char* program : {"job-executor", "job-api", "job-distributor"}) {
      std::set<std::string> points = co_await crash_points_of(loop, program);
      CHECK(points.size() > 5);
      known.merge(points);
    }
    CHECK(known == told);
  });
}

TEST_CASE("a pass that is no number ends a program at its start", "[crash]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    for (const char* wrong : {"executor.take.after:", "executor.take.after:0",
                              "executor.take.after:2x", "executor.take.after:-1"}) {
      std::vector<std::string> no_arguments;
      DoomedProgram program(loop, "job-executor", std::move(no_arguments), dies_at(wrong));
      const int code = co_await program.end();
      CHECK(code == 1);
      CHECK_THAT(program.output(), Catch::Contains("is no number of a pass"));
    }
  });
}
