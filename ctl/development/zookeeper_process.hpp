// A private standalone ZooKeeper (Debian's package) as a child process, for `jobctl dev` and the
// tests.
#pragma once

#include <cstdint>
#include <string>

#include "common/runtime/child_process.hpp"

namespace jobengine::development {

struct ZooKeeperOptions {
  std::string directory;   // data, configuration and zookeeper.log; created if missing
  std::uint16_t port = 0;  // 0: a free one
  std::chrono::milliseconds tick{2000};  // sessions last 2 to 20 ticks
};

// Lives on the loop.
class ZooKeeperProcess {
 public:
  // Returns once it serves. Throws Failure (with the end of its log) when it does not within a
  // minute.
  static awaitable<ZooKeeperProcess> start(ZooKeeperOptions options);

  std::uint16_t port() const { return port_; }
  std::string hosts() const { return "127.0.0.1:" + std::to_string(port_); }
  runtime::ChildProcess& process() { return process_; }
  awaitable<void> stop();

 private:
  ZooKeeperProcess(runtime::ChildProcess process, std::uint16_t port)
      : process_(std::move(process)), port_(port) {}
  runtime::ChildProcess process_;
  std::uint16_t port_;
};

}  // namespace jobengine::development
