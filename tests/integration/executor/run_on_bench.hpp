// A test with a bench that is ready, and is closed at its end.
#pragma once

#include <functional>

#include "tests/integration/executor/bench.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {

inline void on_bench(const std::function<awaitable<void>(Bench&)>& body) {
  run_on_loop([&body](asio::io_context& loop) -> awaitable<void> {
    Bench bench(loop);
    co_await bench.prepare();
    co_await body(bench);
    co_await bench.close();
  });
}

// Of a job, to this state; "": one that leaves the state as it is.
inline bool is_edit(const cimi::Request& request, const char* state) {
  if (request.method != "PUT" || request.path == "job") return false;
  return nlohmann::json::parse(request.body).value("state", "") == state;
}

}  // namespace jobengine::tests
