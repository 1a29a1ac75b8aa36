// Ends a session at the server, at once and from outside: for its owner it has expired.
#pragma once

#include <cstdint>

#include "common/runtime/asio.hpp"

namespace jobengine::tests {

// Speaks the wire protocol: takes the session over (its password is a function of its id) and
// closes it. Throws Failure when the server does not do that.
awaitable<void> expire_session(std::uint16_t port, std::int64_t session_id);

}  // namespace jobengine::tests
