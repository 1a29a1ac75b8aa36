#include "common/runtime/task_group.hpp"

#include <catch2/catch.hpp>

#include "common/runtime/event.hpp"
#include "common/runtime/failure.hpp"
#include "tests/support/loop_test.hpp"

using namespace std::chrono_literals;
using namespace jobengine;

namespace {

awaitable<void> count_after(runtime::Duration time, int& ended) {
  runtime::Event never;
  co_await never.wait_for(time);
  ++ended;
}

awaitable<void> fail(const char* text) {
  throw runtime::Failure(text);
  co_return;
}

}  // namespace

TEST_CASE("task group: join waits for all and rethrows the first failure", "[runtime]") {
  tests::run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    runtime::TaskGroup group(loop.get_executor());
    int ended = 0;
    group.spawn(count_after(1ms, ended));
    group.spawn(fail("first"));
    group.spawn(fail("second"));
    group.spawn(count_after(3ms, ended));
    std::string failure;
    try {
      co_await group.join();
    } catch (const runtime::Failure& thrown) {
      failure = thrown.what();
    }
    REQUIRE(failure == "first");
    REQUIRE(ended == 2);
    group.spawn(count_after(0ms, ended));
    co_await group.join();
    REQUIRE(ended == 3);
  });
}
