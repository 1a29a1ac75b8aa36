// Which address a request comes from, also behind a proxy. Pure.
#pragma once

#include <string>

#include "api/http/request.hpp"

namespace jobengine::api::access {

enum class ForwardedFor { Ignored, Trusted };

// The peer's address; or, behind a trusted proxy, the last one in X-Forwarded-For, which is what
// that proxy itself has seen (whatever stands before it was written by the client). "" when it is
// unknown.
std::string client_address(const http::Request& request, ForwardedFor forwarded);

// What is counted as one sender: an IPv4 address, the /64 network of an IPv6 address ("" for what
// is no address), since whoever has one address of such a network has all of them.
std::string network_of(const std::string& address);

}  // namespace jobengine::api::access
