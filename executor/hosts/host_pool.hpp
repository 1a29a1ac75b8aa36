// Warm action hosts, kept per plugin between jobs.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "executor/hosts/host_process.hpp"

namespace jobengine::executor {

struct HostPoolLimits {
  std::size_t most_idle = 1;       // the executor's slots
  int jobs_until_replaced = 1000;  // leaks of plugins stay bounded
};

// Lives on the loop.
class HostPool {
 public:
  HostPool(asio::io_context& loop, HostCommand command, HostPoolLimits limits);

  // A warm host of the plugin, or a new one. Throws runtime::Failure when none can be started.
  awaitable<std::shared_ptr<ActionHost>> borrow(std::string plugin_file);
  // Keeps it for the next job, or ends it: broken, worn out, or one too many.
  void give_back(std::shared_ptr<ActionHost> host);

  std::size_t idle() const { return idle_.size(); }

  // Ends all hosts that were given back. To be awaited before destruction.
  awaitable<void> close();

 private:
  void retire(std::shared_ptr<ActionHost> host);

  asio::io_context& loop_;
  HostCommand command_;
  HostPoolLimits limits_;
  std::vector<std::shared_ptr<ActionHost>> idle_;  // the last used one last
  runtime::TaskGroup retiring_;
};

}  // namespace jobengine::executor
