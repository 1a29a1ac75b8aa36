// The servers of the ensemble: as written by an operator, and as addresses. We resolve them
// ourselves: the C client refuses its whole list for one name that does not resolve.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/runtime/event.hpp"

namespace jobengine::zookeeper {

struct HostAndPort {
  std::string host;
  std::uint16_t port = 2181;
};

// "host", "host:port", "[::1]:port". Throws Failure naming the part and what was expected.
HostAndPort parse_host(const std::string& text);

// Checks "/a/b"; "" and "/" are no chroot. Throws Failure.
std::string parse_chroot(const std::string& text);

// "127.0.0.1:2181,127.0.0.2:2181", sorted; hosts that do not resolve in time are left out. Empty
// when none does, or when `stop` is raised meanwhile.
awaitable<std::string> resolve_hosts(std::vector<HostAndPort> hosts, runtime::Event& stop);

}  // namespace jobengine::zookeeper
