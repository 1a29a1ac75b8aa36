// Warm action hosts, processes and threads, kept per plugin between jobs.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "executor/hosts/host_process.hpp"
#include "executor/hosts/shared_actions.hpp"
#include "executor/hosts/shared_threads.hpp"
#include "executor/plugins/manifest.hpp"

namespace jobengine::executor {

struct HostPoolLimits {
  std::size_t most_idle = 1;       // the executor's slots
  int jobs_until_replaced = 1000;  // leaks of plugins stay bounded
  SharedActions shared_actions;    // what may run in a thread of this process
};

// A host for which action.
struct HostWish {
  std::string plugin_file;
  std::string action;  // as its manifest names it
  Isolation isolation = Isolation::Process;
};

// Lives on the loop.
class HostPool {
 public:
  HostPool(asio::io_context& loop, HostCommand command, HostPoolLimits limits);

  // A warm host of the plugin, or a new one: a thread when the action asks for it and the operator
  // allows it, else a process. Throws runtime::Failure when none can be started.
  awaitable<std::shared_ptr<ActionHost>> borrow(HostWish wish);
  // Keeps it for the next job, or ends it: broken, worn out, or one too many.
  void give_back(std::shared_ptr<ActionHost> host);
  // From now on hosts of other files are not kept: those files' editions are out of service.
  void offer_only(std::set<std::string> plugin_files);

  std::size_t idle() const { return idle_.size(); }
  // Threads that run or load an action. A process that has some can only be ended by
  // end_executor().
  std::size_t busy_threads() const { return threads_->busy(); }
  // Those of them that ignore every stop.
  std::size_t stuck() const { return threads_->stuck(); }
  // `listener` is called with each change of their number.
  void on_stuck(std::function<void(std::size_t)> listener);

  // Ends all hosts that were given back. To be awaited before destruction.
  awaitable<void> close();

 private:
  bool in_thread(const HostWish& wish);
  std::shared_ptr<ActionHost> take_idle(const std::string& plugin_file, bool in_thread);
  void retire(std::shared_ptr<ActionHost> host);

  asio::io_context& loop_;
  HostCommand command_;
  HostPoolLimits limits_;
  std::shared_ptr<SharedThreads> threads_;
  std::optional<std::set<std::string>> offered_;  // nothing: all
  std::set<std::string> told_;  // actions whose wish for a thread was turned down and logged
  std::vector<std::shared_ptr<ActionHost>> idle_;  // the last used one last
  runtime::TaskGroup retiring_;
};

}  // namespace jobengine::executor
