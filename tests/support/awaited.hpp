// The result of something awaitable, for test code that is no coroutine or need not be one.
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include "common/runtime/asio.hpp"

namespace jobengine::tests {

// Runs it on a loop of its own until it has ended; rethrows what it throws.
template <typename Result>
Result awaited(awaitable<Result> work) {
  asio::io_context loop;
  std::optional<Result> result;
  std::exception_ptr failure;
  asio::co_spawn(loop, std::move(work),
                 [&](const std::exception_ptr& ended_with, std::optional<Result> value) {
                   failure = ended_with;
                   result = std::move(value);
                 });
  loop.run();
  if (failure) std::rethrow_exception(failure);
  return std::move(*result);
}

}  // namespace jobengine::tests
