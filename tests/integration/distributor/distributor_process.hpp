// job-distributor as a child process, and what the tests of the program ask about.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/cimi/client.hpp"
#include "common/runtime/child_process.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {

// Lives on the loop. Killed with the object.
class DistributorProcess {
 public:
  DistributorProcess(asio::io_context& loop, std::vector<std::string> arguments);

  runtime::ChildProcess& process() { return process_; }
  void signal(int number) { process_.signal(number); }
  // Waits for its end, by itself or by the signal sent before; exit code, or 128 + signal.
  awaitable<int> end();
  // Everything it wrote so far.
  std::string output() const;

 private:
  TemporaryDirectory directory_;
  runtime::ChildProcess process_;
};

// Options to reach ZooKeeper and the API as its administrator.
std::vector<std::string> connection_options(const std::string& zk_hosts,
                                            const std::string& api_url);

// A client of the API as its administrator.
std::unique_ptr<cimi::Client> administrator(asio::io_context& loop, const std::string& api_url);

// The jobs of an action, oldest first.
awaitable<std::vector<nlohmann::json>> jobs_of(cimi::Client& client, std::string action);

// Waits until there are so many; what is there in the end.
awaitable<std::vector<nlohmann::json>> wait_for_jobs(cimi::Client& client, std::string action,
                                                     std::size_t count);

}  // namespace jobengine::tests
