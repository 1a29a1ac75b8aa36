#include "tests/integration/crash/story.hpp"

#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/sanitized_build.hpp"

namespace jobengine::tests {

namespace {

// Most of a story is waiting for a session to end. Too many at once, and heartbeats come late.
constexpr std::size_t at_once = sanitized_build ? 4 : 20;

awaitable<void> tell_next(asio::io_context& loop, const Telling& telling,
                          std::vector<Story>& stories, std::size_t& next) {
  while (next < stories.size()) {
    const std::size_t index = next++;
    std::exception_ptr failure;
    try {
      co_await telling(loop, index, stories[index]);
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) stories[index].expect(false, runtime::describe(failure));
  }
}

}  // namespace

void Story::expect(bool holds, const std::string& what) {
  if (!holds) complaints_ += what + "\n";
}

void Story::complain(const std::string& what, const std::string& is, const std::string& should_be) {
  complaints_ += what + ": is " + is + ", should be " + should_be + "\n";
}

void tell_stories(const std::vector<std::string>& names, const Telling& telling) {
  std::vector<Story> stories(names.size());
  run_on_loop(
      [&](asio::io_context& loop) -> awaitable<void> {
        std::size_t next = 0;
        runtime::TaskGroup tellers(loop.get_executor());
        for (std::size_t i = 0; i < at_once; ++i) {
          tellers.spawn(tell_next(loop, telling, stories, next));
        }
        co_await tellers.join();
      },
      std::chrono::minutes(10));
  for (std::size_t i = 0; i < names.size(); ++i) {
    INFO(names[i]);
    CHECK(stories[i].complaints() == "");
  }
}

}  // namespace jobengine::tests
