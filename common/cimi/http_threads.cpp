// This header needs Asio's deprecated names, which the rest of ours is compiled without. Nothing of
// Asio is used here: its inline functions must not get two meanings in one program.
#undef BOOST_ASIO_NO_DEPRECATED
// cpprest defines a macro U otherwise, which breaks Boost's headers.
#define _TURN_OFF_PLATFORM_STRING
#include "common/cimi/http_threads.hpp"

// Boost 1.74's awaitable.hpp uses std::exchange without including it.
#include <utility>

#include <pplx/threadpool.h>

#include <mutex>

namespace jobengine::cimi {

void start_http_threads() {
  static std::once_flag once;
  std::call_once(once, [] {
    constexpr std::size_t threads = 2;
    crossplat::threadpool::initialize_with_threads(threads);
  });
}

}  // namespace jobengine::cimi
