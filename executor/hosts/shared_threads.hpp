// What the threads of shared actions have in common: the plugins' code, the end of this process
// when a lease passes under one of them, and the count of those that ignore every stop.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "executor/action_host/lease_guard.hpp"
#include "executor/action_host/plugin_library.hpp"

namespace jobengine::executor {

// Of a process that a shared action outlived: its lease or its drain.
inline constexpr int exit_shared_action_left = 5;

// Kills all this process has started, logs the reason, unless that takes longer than a moment, and
// ends this process with exit_shared_action_left and without any clean-up: nothing a shared action
// does can delay it. [any thread]
[[noreturn]] void end_executor(std::string_view reason) noexcept;

// Plugins loaded into this process: each file once and for good. Every edition of a plugin has a
// file of its own (plugins/edition_store.hpp), as the system's loader goes by the path. [any
// thread]
class SharedCode {
 public:
  // A new set of the file's actions. Blocks while another thread loads. Throws as PluginLibrary.
  std::unique_ptr<PluginLibrary> make_actions(const std::string& file);

 private:
  std::mutex mutex_;  // create_action is called by one thread at a time, as plugins expect
  std::map<std::string, PluginFile> loaded_;  // by file
};

// Lives on the loop, but for `code`.
class SharedThreads {
 public:
  SharedCode code;

  // This process ends when `lease` passes, on a thread of its own; 0: forget about `run`.
  void set_lease(const void* run, LeaseStamp lease);

  void add_busy() { ++busy_; }
  void remove_busy() { --busy_; }
  std::size_t busy() const { return busy_; }

  void add_stuck();
  void remove_stuck();
  std::size_t stuck() const { return stuck_; }
  // Called with each change of their number.
  std::function<void(std::size_t)> on_stuck;

  // A plugin takes so long to load that it is not waited for any more.
  bool loading_late = false;

 private:
  std::map<const void*, LeaseStamp> leases_;
  std::multiset<LeaseStamp> ends_;  // of leases_, the first one first
  LeaseStamp guarded_ = 0;
  std::optional<LeaseGuard> guard_;  // from the first lease on
  std::size_t busy_ = 0;
  std::size_t stuck_ = 0;
};

}  // namespace jobengine::executor
