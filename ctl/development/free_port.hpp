// Ports nobody listens on right now, for servers that cannot choose one themselves.
#pragma once

#include <cstdint>

namespace jobengine::development {

// A TCP port of 127.0.0.1 that was free a moment ago. Another process may still take it first:
// retry then. Throws Failure when the system has none.
std::uint16_t free_port();

}  // namespace jobengine::development
