// A real ZooKeeper for one test program, and the tortures it must stand.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace jobengine::tests {

// One server a test program, started at the first use and killed with the program. Ticks of 200 ms:
// sessions last from 400 ms to 4 s as asked for, so that expiry is quick to reach.
class ZooKeeperServer {
 public:
  static ZooKeeperServer& shared();
  ZooKeeperServer();  // a server of one's own, for tests that freeze or stop it
  ~ZooKeeperServer();
  ZooKeeperServer(const ZooKeeperServer&) = delete;
  ZooKeeperServer& operator=(const ZooKeeperServer&) = delete;

  // "127.0.0.1:<port>"
  const std::string& hosts() const { return hosts_; }
  std::uint16_t port() const { return port_; }

  // "127.0.0.1:<port>/<fresh name>": a tree of its own for one test; our sessions create a missing
  // chroot.
  std::string fresh_chroot();

  void freeze();  // SIGSTOP: connections stay, nothing answers
  void thaw();
  void kill();     // SIGKILL
  void restart();  // after kill(): the same port and data

 private:
  struct State;
  std::unique_ptr<State> state_;
  std::string hosts_;
  std::uint16_t port_ = 0;
  int fresh_ = 0;
};

}  // namespace jobengine::tests
