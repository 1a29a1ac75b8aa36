#include "common/runtime/event_loop.hpp"

#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"

namespace jobengine::runtime {
namespace {

awaitable<void> count_to(int* number, int wanted) {
  auto loop = co_await asio::this_coro::executor;
  asio::steady_timer timer(loop);
  while (*number < wanted) {
    timer.expires_after(std::chrono::milliseconds(1));
    co_await timer.async_wait(use_awaitable);
    ++*number;
  }
}

awaitable<void> fail() {
  throw Failure("told to fail");
  co_return;
}

TEST_CASE("event loop: runs one program after the other", "[runtime]") {
  EventLoop loop;
  int number = 0;
  for (int wanted = 1; wanted <= 4; ++wanted) {
    loop.run(count_to(&number, wanted));
    REQUIRE(number == wanted);
  }
}

TEST_CASE("event loop: the failure of its program is thrown, and it can run again", "[runtime]") {
  EventLoop loop;
  REQUIRE_THROWS_WITH(loop.run(fail()), "told to fail");
  int number = 0;
  loop.run(count_to(&number, 1));
  REQUIRE(number == 1);
}

}  // namespace
}  // namespace jobengine::runtime
