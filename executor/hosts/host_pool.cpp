#include "executor/hosts/host_pool.hpp"

#include <algorithm>
#include <utility>

namespace jobengine::executor {

namespace {

awaitable<void> end(std::shared_ptr<ActionHost> host) {
  co_await host->close();
}

}  // namespace

HostPool::HostPool(asio::io_context& loop, HostCommand command, HostPoolLimits limits)
    : loop_(loop), command_(std::move(command)), limits_(limits), retiring_(loop.get_executor()) {}

awaitable<std::shared_ptr<ActionHost>> HostPool::borrow(std::string plugin_file) {
  for (std::size_t i = idle_.size(); i-- > 0;) {
    if (idle_[i]->plugin_file() != plugin_file) continue;
    std::shared_ptr<ActionHost> host = std::move(idle_[i]);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
    if (host->reusable()) co_return host;
    retire(std::move(host));
  }
  HostCommand command = command_;
  co_return co_await HostProcess::start(loop_, std::move(command), std::move(plugin_file));
}

void HostPool::give_back(std::shared_ptr<ActionHost> host) {
  if (!host->reusable() || host->jobs_run() >= limits_.jobs_until_replaced) {
    retire(std::move(host));
    return;
  }
  idle_.push_back(std::move(host));
  if (idle_.size() > limits_.most_idle) {
    std::shared_ptr<ActionHost> longest_idle = std::move(idle_.front());
    idle_.erase(idle_.begin());
    retire(std::move(longest_idle));
  }
}

void HostPool::retire(std::shared_ptr<ActionHost> host) {
  retiring_.spawn(end(std::move(host)));
}

awaitable<void> HostPool::close() {
  for (auto& host : idle_) retire(std::move(host));
  idle_.clear();
  co_await retiring_.join();
}

}  // namespace jobengine::executor
