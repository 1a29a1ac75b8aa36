#include "executor/hosts/orphans.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <span>
#include <vector>

#include "common/runtime/child_process.hpp"
#include "common/runtime/descendants.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::executor {

namespace {

bool adopting = false;

bool is_orphan(pid_t child) {
  return !runtime::ChildProcess::is_spawned(child) && ::getsid(child) != ::getsid(0);
}

// Kills them with all that hangs on them and reaps those that have ended; returns how many are
// left.
std::size_t press_orphans() {
  std::vector<pid_t> orphans = runtime::children();
  std::erase_if(orphans, [](pid_t child) { return !is_orphan(child); });
  if (orphans.empty()) return 0;
  std::array<pid_t, 1024> offspring;
  for (const int number : {SIGSTOP, SIGKILL}) {
    const std::size_t count = runtime::find_descendants(orphans, offspring);
    for (const pid_t process : orphans) ::kill(process, number);
    for (const pid_t process : std::span(offspring).first(count)) ::kill(process, number);
  }
  return static_cast<std::size_t>(std::count_if(orphans.begin(), orphans.end(), [](pid_t child) {
    return ::waitpid(child, nullptr, WNOHANG) == 0;
  }));
}

}  // namespace

void adopt_orphans() {
  adopting = runtime::adopt_orphans();
  if (!adopting) telemetry::warning("daemons that actions leave behind cannot be found");
}

awaitable<void> end_orphans(runtime::Duration limit) {
  if (!adopting) co_return;
  const auto deadline = runtime::Clock::now() + limit;
  runtime::Event never;
  // What was killed hands its own children to us a little later: until a look finds nobody.
  for (bool found = false;; found = true) {
    std::vector<pid_t> left = runtime::children();
    std::erase_if(left, [](pid_t child) { return !is_orphan(child); });
    if (left.empty()) co_return;
    if (!found) {
      telemetry::info("processes that an action left behind are killed", {{"count", left.size()}});
    }
    if (press_orphans() > 0 && runtime::Clock::now() > deadline) {
      telemetry::error("processes that an action left behind cannot be killed",
                       {{"count", left.size()}});
      co_return;
    }
    co_await never.wait_for(std::chrono::milliseconds(2));
  }
}

}  // namespace jobengine::executor
