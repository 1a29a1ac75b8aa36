#include "executor/hosts/host_pool.hpp"

#include <algorithm>
#include <utility>

#include "common/telemetry/log.hpp"
#include "executor/hosts/shared_host.hpp"

namespace jobengine::executor {

namespace {

awaitable<void> end(std::shared_ptr<ActionHost> host) {
  co_await host->close();
}

}  // namespace

HostPool::HostPool(asio::io_context& loop, HostCommand command, HostPoolLimits limits)
    : loop_(loop),
      command_(std::move(command)),
      limits_(std::move(limits)),
      threads_(std::make_shared<SharedThreads>()),
      retiring_(loop.get_executor()) {}

void HostPool::on_stuck(std::function<void(std::size_t)> listener) {
  threads_->on_stuck = std::move(listener);
}

// The operator decides what runs inside the executor, not the author.
bool HostPool::in_thread(const HostWish& wish) {
  if (wish.isolation != Isolation::Shared) return false;
  const bool is_plugin = wish.plugin_file.ends_with(".so");
  if (is_plugin && limits_.shared_actions.allow(wish.action)) return true;
  if (told_.insert(wish.action).second) {
    telemetry::info("an action of isolation shared runs in a process",
                    {{"action", wish.action},
                     {"reason", is_plugin ? "--shared-actions does not name it"
                                          : "it is a program of its own"}});
  }
  return false;
}

std::shared_ptr<ActionHost> HostPool::take_idle(const std::string& plugin_file, bool in_thread) {
  for (std::size_t i = idle_.size(); i-- > 0;) {
    if (idle_[i]->plugin_file() != plugin_file || idle_[i]->can_be_killed() == in_thread) continue;
    std::shared_ptr<ActionHost> host = std::move(idle_[i]);
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
    if (host->reusable()) return host;
    retire(std::move(host));
  }
  return nullptr;
}

awaitable<std::shared_ptr<ActionHost>> HostPool::borrow(HostWish wish) {
  const bool thread = in_thread(wish);
  if (std::shared_ptr<ActionHost> warm = take_idle(wish.plugin_file, thread)) co_return warm;
  if (thread) {
    const runtime::Duration limit = command_.start_limit;
    co_return co_await SharedHost::start(loop_, threads_, std::move(wish.plugin_file), limit);
  }
  HostCommand command = command_;
  co_return co_await HostProcess::start(loop_, std::move(command), std::move(wish.plugin_file));
}

void HostPool::give_back(std::shared_ptr<ActionHost> host) {
  const bool outdated = offered_ && !offered_->contains(host->plugin_file());
  if (outdated || !host->reusable() || host->jobs_run() >= limits_.jobs_until_replaced) {
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

void HostPool::offer_only(std::set<std::string> plugin_files) {
  offered_ = std::move(plugin_files);
  std::vector<std::shared_ptr<ActionHost>> kept;
  for (auto& host : std::exchange(idle_, {})) {
    if (offered_->contains(host->plugin_file())) {
      kept.push_back(std::move(host));
    } else {
      retire(std::move(host));
    }
  }
  idle_ = std::move(kept);
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
