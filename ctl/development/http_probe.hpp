// One GET to the status server of a process of ours: /healthz, /readyz, /actions.
#pragma once

#include <cstdint>
#include <string>

#include "common/runtime/asio.hpp"

namespace jobengine::development {

struct ProbeReply {
  int status = 0;    // HTTP status; 0: no answer
  std::string text;  // the body, or why there is none
};

// `host`: an IP address or a name. Never throws; waits at most `limit`.
awaitable<ProbeReply> probe(std::string host, std::uint16_t port, std::string path,
                            runtime::Duration limit);

}  // namespace jobengine::development
