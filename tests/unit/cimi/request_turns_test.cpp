#include <catch2/catch.hpp>
#include <optional>
#include <vector>

#include "common/cimi/request_turns.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::cimi;
using namespace jobengine::tests;
using namespace std::chrono_literals;

namespace {

awaitable<void> take_turn(RequestTurns& turns, int number, std::vector<int>& order,
                          runtime::Event& go_on) {
  RequestTurns::Turn turn(turns);
  const bool ours = co_await turn.await(runtime::Clock::now() + 20s);
  if (!ours) co_return;
  order.push_back(number);
  co_await go_on.wait();
}

}  // namespace

TEST_CASE("request turns: in the order in which they were asked for", "[cimi]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    RequestTurns turns(2);
    runtime::TaskGroup tasks(loop.get_executor());
    std::vector<int> order;
    runtime::Event go_on;
    for (int i = 0; i < 5; ++i) tasks.spawn(take_turn(turns, i, order, go_on));
    const bool two = co_await eventually([&] { return order.size() == 2; });
    CHECK(two);
    go_on.raise();
    co_await tasks.join();
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
  });
}

TEST_CASE("request turns: who gives up waiting is passed over", "[cimi]") {
  run_on_loop([](asio::io_context&) -> awaitable<void> {
    RequestTurns turns(1);
    std::optional<RequestTurns::Turn> first(std::in_place, turns);
    const bool has = co_await first->await(runtime::Clock::now());
    CHECK(has);
    RequestTurns::Turn second(turns);
    const bool in_time = co_await second.await(runtime::Clock::now() + 20ms);
    CHECK_FALSE(in_time);
    first.reset();
    RequestTurns::Turn third(turns);
    const bool free = co_await third.await(runtime::Clock::now());
    CHECK(free);
  });
}

TEST_CASE("request turns: closed, nobody gets one", "[cimi]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    RequestTurns turns(0);
    runtime::TaskGroup tasks(loop.get_executor());
    std::vector<int> order;
    runtime::Event go_on;
    tasks.spawn(take_turn(turns, 1, order, go_on));
    co_await asio::post(loop, use_awaitable);
    turns.close();
    co_await tasks.join();
    CHECK(order.empty());
    RequestTurns::Turn late(turns);
    const bool ours = co_await late.await(runtime::Clock::now() + 20s);
    CHECK_FALSE(ours);
  });
}
