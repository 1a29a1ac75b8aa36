// Runs a coroutine as the body of a Catch2 test, on a loop of its own, with a deadline.
#pragma once

#include <functional>

#include "common/runtime/asio.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::tests {

// Fails the test when `body` throws or has not ended after `limit`. Assertions may be used in the
// body.
//   run_on_loop([](asio::io_context& loop) -> awaitable<void> { … });
void run_on_loop(const std::function<awaitable<void>(asio::io_context&)>& body,
                 runtime::Duration limit = std::chrono::seconds(60));

// Waits until `condition` holds, looking again every few milliseconds; for what announces itself by
// no event. False when `limit` passes.
awaitable<bool> eventually(std::function<bool()> condition,
                           runtime::Duration limit = std::chrono::seconds(30));

}  // namespace jobengine::tests
