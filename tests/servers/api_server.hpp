// A real job-api for tests: build/bin/job-api on a free port, in a folder of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {

inline constexpr const char* api_admin = "admin";
inline constexpr const char* api_password = "secret-for-tests";

struct ApiServerOptions {
  // "host:port/chroot"; empty: a port where nobody listens, so that ZooKeeper is away for good.
  std::string zk_hosts;
  std::vector<std::string> arguments;         // further ones, e.g. "--trust-authn-header"
  std::string database;                       // empty: one of its own
  std::vector<std::string> environment = {};  // further variables, "NAME=value"
};

// Started by the constructor, which returns once requests are answered; ended by the destructor.
// Not for use on a running loop: it has one of its own.
class ApiServer {
 public:
  // Throws when the program does not come up; the text holds its log.
  explicit ApiServer(const ApiServerOptions& options = {});
  ~ApiServer();
  ApiServer(const ApiServer&) = delete;
  ApiServer& operator=(const ApiServer&) = delete;

  // "http://127.0.0.1:<port>", with --tls-cert "https:…"
  const std::string& url() const;
  std::uint16_t port() const;
  int pid() const;
  // What it logged so far.
  std::string log() const;

  // SIGTERM; returns the exit code (128 + signal when it was killed by one).
  int stop();
  void kill();     // SIGKILL
  void restart();  // after stop() or kill(): the same port and database

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace jobengine::tests
