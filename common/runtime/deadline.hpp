// Waiting with a limit for operations that cannot be cancelled (requests of the ZooKeeper C
// client).
#pragma once

#include <memory>
#include <optional>

#include "common/runtime/event.hpp"

namespace jobengine::runtime {

// Runs `operation` and waits for it at most until `deadline`. Returns its value, or nothing when it
// is late: the operation itself goes on and a late answer is dropped, so it may only refer to what
// outlives it. Rethrows the operation's failure.
template <class T>
awaitable<std::optional<T>> until(TimePoint deadline, awaitable<T> operation) {
  struct Race {
    Event ended;
    std::optional<T> value;
    std::exception_ptr failure;
  };
  auto loop = co_await asio::this_coro::executor;
  auto race = std::make_shared<Race>();
  auto finish = [race](std::exception_ptr failure, std::optional<T> value) {
    race->failure = std::move(failure);
    race->value = std::move(value);
    race->ended.raise();
  };
  // The optional spares T a default constructor, which co_spawn would ask for.
  auto wrapped = [](awaitable<T> inner) -> awaitable<std::optional<T>> {
    std::optional<T> value(co_await std::move(inner));
    co_return value;
  };
  asio::co_spawn(loop, wrapped(std::move(operation)), std::move(finish));
  co_await race->ended.wait_until(deadline);
  if (race->failure) std::rethrow_exception(race->failure);
  co_return std::move(race->value);
}

}  // namespace jobengine::runtime
