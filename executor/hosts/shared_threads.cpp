#include "executor/hosts/shared_threads.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <thread>
#include <utility>

#include "common/runtime/descendants.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::executor {

void end_executor(std::string_view reason) noexcept {
  // What shared actions have started; hosts would end with this process anyway.
  static std::atomic_flag taken;
  if (!taken.test_and_set()) runtime::kill_descendants();
  try {
    // Whoever reads our log may be stuck, too.
    constexpr auto moment = std::chrono::milliseconds(200);
    auto logged = std::make_shared<std::promise<void>>();
    auto done = logged->get_future();
    std::thread([logged, text = std::string(reason)] {
      telemetry::log(telemetry::Level::Critical, "this executor ends at once",
                     {{"reason", text}, {"exit-code", exit_shared_action_left}});
      logged->set_value();
    }).detach();
    done.wait_for(moment);
  } catch (...) {
    // It ends in any case.
  }
  ::_exit(exit_shared_action_left);
}

std::unique_ptr<PluginLibrary> SharedCode::make_actions(const std::string& file) {
  const std::lock_guard lock(mutex_);
  auto found = loaded_.find(file);
  if (found == loaded_.end()) found = loaded_.emplace(file, PluginFile(file)).first;
  return std::make_unique<PluginLibrary>(found->second);
}

void SharedThreads::set_lease(const void* run, LeaseStamp lease) {
  const auto known = leases_.find(run);
  if (known != leases_.end()) {
    ends_.erase(ends_.find(known->second));
    leases_.erase(known);
  }
  if (lease != 0) {
    leases_.emplace(run, lease);
    ends_.insert(lease);
  }
  if (!guard_ && leases_.empty()) return;
  if (!guard_)
    guard_.emplace([] { end_executor("the lease of a running shared action has passed"); });
  const LeaseStamp first = ends_.empty() ? 0 : *ends_.begin();
  if (first == guarded_) return;
  guarded_ = first;
  guard_->set(first);
}

void SharedThreads::add_stuck() {
  ++stuck_;
  if (on_stuck) on_stuck(stuck_);
}

void SharedThreads::remove_stuck() {
  --stuck_;
  if (on_stuck) on_stuck(stuck_);
}

}  // namespace jobengine::executor
