// How long a connection that ends is still read from: closing with unread data would reset it and
// take the answer with it.
#pragma once

#include <chrono>
#include <cstddef>

namespace jobengine::api::http {

inline constexpr auto linger_limit = std::chrono::seconds(2);
inline constexpr std::size_t most_lingered = 4 * 1024 * 1024;

}  // namespace jobengine::api::http
