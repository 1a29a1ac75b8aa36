// The real Session: libzookeeper_mt behind it, a new handle after each expiry, hosts resolved anew
// each time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/zookeeper/session.hpp"

namespace jobengine::zookeeper {

struct SessionOptions {
  // "host:port" or "host" (port 2181); validated by parse_hosts(). Names that do not resolve (yet)
  // are left out and tried again at the next attempt.
  std::vector<std::string> hosts;
  // "" or "/some/path": every path is below it.
  std::string chroot;
  // Asked for; the server's limits (2 to 20 ticks) decide.
  std::chrono::milliseconds timeout{30000};
};

// Checks each "host[:port]" (also "h1:2181,h2:2181[/chroot]", as kazoo takes it) and fills hosts
// and chroot. Throws Failure naming the bad part and what was expected.
SessionOptions parse_hosts(const std::vector<std::string>& arguments);

// Starts connecting at once; nothing about an unreachable ensemble is fatal. Call close() before
// destruction.
std::unique_ptr<Session> make_session(asio::io_context& loop, SessionOptions options);

// Ends a session that a process which is gone has left behind, so that its ephemeral nodes go now
// and not after its timeout. `options`: where to find it. Returns true once it is over, false when
// that could not be brought about before `deadline`. Never to be used on a session somebody lives
// in.
awaitable<bool> end_session(asio::io_context& loop, SessionOptions options,
                            SessionCredentials credentials, runtime::TimePoint deadline);

}  // namespace jobengine::zookeeper
