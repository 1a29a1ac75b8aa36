#include "common/runtime/deadline.hpp"

#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"
#include "tests/support/loop_test.hpp"

using namespace std::chrono_literals;
using namespace jobengine;

namespace {

awaitable<std::string> answer_when(std::shared_ptr<runtime::Event> asked) {
  co_await asked->wait();
  co_return "an answer that lives on the heap, it is so long";
}

awaitable<std::string> refuse() {
  throw runtime::Failure("refused");
  co_return "";
}

}  // namespace

TEST_CASE("until: an answer in time, one too late, a failure", "[runtime]") {
  tests::run_on_loop([](asio::io_context&) -> awaitable<void> {
    auto asked = std::make_shared<runtime::Event>();
    const auto late = co_await runtime::until(runtime::Clock::now() + 1ms, answer_when(asked));
    REQUIRE_FALSE(late);
    asked->raise();
    const auto in_time = co_await runtime::until(runtime::Clock::now() + 30s, answer_when(asked));
    REQUIRE(in_time);
    bool thrown = false;
    try {
      co_await runtime::until(runtime::Clock::now() + 30s, refuse());
    } catch (const runtime::Failure&) {
      thrown = true;
    }
    REQUIRE(thrown);
  });
}
