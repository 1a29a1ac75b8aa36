#include "tests/support/loop_test.hpp"

#include <catch2/catch.hpp>
#include <exception>

namespace jobengine::tests {

void run_on_loop(const std::function<awaitable<void>(asio::io_context&)>& body,
                 runtime::Duration limit) {
  asio::io_context loop(1);
  std::exception_ptr failure;
  bool ended = false;
  auto finish = [&](std::exception_ptr thrown) {
    failure = std::move(thrown);
    ended = true;
    loop.stop();
  };
  asio::co_spawn(loop, body(loop), finish);
  auto work = asio::make_work_guard(loop);
  loop.run_for(limit);
  if (failure) std::rethrow_exception(failure);
  if (!ended) FAIL("the test did not end within its deadline");
}

awaitable<bool> eventually(std::function<bool()> condition, runtime::Duration limit) {
  const auto deadline = runtime::Clock::now() + limit;
  runtime::Event never;
  while (!condition()) {
    if (runtime::Clock::now() >= deadline) co_return false;
    co_await never.wait_for(std::chrono::milliseconds(5));
  }
  co_return true;
}

}  // namespace jobengine::tests
