// One GET to a process of ours on this machine, for /healthz and /readyz.
#pragma once

#include <cstdint>
#include <string>

#include "common/runtime/asio.hpp"

namespace jobengine::development {

struct ProbeReply {
  int status = 0;    // HTTP status; 0: no answer
  std::string text;  // the body, or why there is none
};

// Never throws; waits at most `limit`.
awaitable<ProbeReply> probe(std::string address, std::uint16_t port, std::string path,
                            runtime::Duration limit);

}  // namespace jobengine::development
