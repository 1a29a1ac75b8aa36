// What Beast, nlohmann/json and SQLite can do at best on this machine: documents by id, read and
// changed, each change durable when it is answered; no rights, no schema, no routes. job-api is
// measured against it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace jobengine::bench {

// GET and PUT (a JSON object, merged) of /api/<id>. Runs in a process of its own.
class CeilingServer {
 public:
  // Forks: before anything else of this program has started a thread.
  CeilingServer(const std::string& database, const std::vector<nlohmann::json>& documents);
  ~CeilingServer();
  CeilingServer(const CeilingServer&) = delete;
  CeilingServer& operator=(const CeilingServer&) = delete;

  std::uint16_t port() const { return port_; }
  int pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace jobengine::bench
