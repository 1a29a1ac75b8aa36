#include "common/runtime/event.hpp"

#include <catch2/catch.hpp>

#include "common/runtime/task_group.hpp"
#include "tests/support/loop_test.hpp"

using namespace std::chrono_literals;
using namespace jobengine;

TEST_CASE("event: raised before the wait, during it, and never", "[runtime]") {
  tests::run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    runtime::Event event;
    event.raise();
    const bool before = co_await event.wait_for(1s);
    REQUIRE(before);
    event.reset();
    const bool never = co_await event.wait_for(1ms);
    REQUIRE_FALSE(never);
    asio::post(loop, [&event] { event.raise(); });
    const bool during = co_await event.wait_for(30s);
    REQUIRE(during);
  });
}

TEST_CASE("event: raising wakes every waiter, also when it is reset at once", "[runtime]") {
  tests::run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    runtime::Event event;
    runtime::TaskGroup group(loop.get_executor());
    int woken = 0;
    auto wait = [](runtime::Event& awaited, int& count) -> awaitable<void> {
      const bool raised = co_await awaited.wait_for(30s);
      if (raised) ++count;
    };
    for (int i = 0; i < 5; ++i) group.spawn(wait(event, woken));
    co_await asio::post(loop, use_awaitable);
    co_await asio::post(loop, use_awaitable);
    event.raise();
    event.reset();
    co_await group.join();
    REQUIRE(woken == 5);
  });
}

TEST_CASE("event: waiting for either of two ends with the first", "[runtime]") {
  tests::run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    runtime::Event changed;
    runtime::Event stop;
    asio::post(loop, [&stop] { stop.raise(); });
    const auto deadline = runtime::Clock::now() + 30s;
    const bool raised = co_await runtime::Event::wait_either(changed, stop, deadline);
    REQUIRE(raised);
    REQUIRE(stop.raised());
    REQUIRE_FALSE(changed.raised());
  });
}
