// The one include of Asio's coroutine headers (Boost 1.74).
//
// <utility> must come first: Boost 1.74's awaitable.hpp uses std::exchange without including it.
// clang needs BOOST_ASIO_HAS_CO_AWAIT (common/cmake/compiler_settings.cmake), or the coroutine
// parts vanish silently.
#pragma once

#include <utility>

#if defined(__clang__) && !defined(BOOST_ASIO_HAS_CO_AWAIT)
#error "compile with BOOST_ASIO_HAS_CO_AWAIT=1 (link je_compiler_settings)"
#endif

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace jobengine {

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;

namespace runtime {

using Executor = asio::any_io_executor;
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

}  // namespace runtime
}  // namespace jobengine
