// Waiting for an answer, but no longer than something else lasts.
#pragma once

#include <memory>
#include <optional>

#include "common/runtime/event.hpp"

namespace jobengine::runtime {

// The operation's value, or nothing when `interrupted` was raised first: the operation itself then
// goes on and its answer is dropped, so it may only refer to what outlives it. Rethrows the
// operation's failure.
template <class T>
awaitable<std::optional<T>> unless(Event& interrupted, awaitable<T> operation) {
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
  const auto no_deadline = runtime::TimePoint::max();
  co_await Event::wait_either(race->ended, interrupted, no_deadline);
  if (race->failure) std::rethrow_exception(race->failure);
  co_return std::move(race->value);
}

}  // namespace jobengine::runtime
