// The sentence a job's record gets when its action did not end as it should. Pure.
#pragma once

#include <string>

#include "common/runtime/child_process.hpp"
#include "executor/hosts/host_limits.hpp"

namespace jobengine::executor {

// How a host ended in the middle of a run.
struct HostEnd {
  runtime::ExitStatus status;
  // Why the executor ended it; empty when it ended by itself.
  std::string given_up;
  // Another program it had become; empty: none.
  std::string replaced_by;
};

// Exit code of a host that noticed that its connection to the executor is not there any more.
inline constexpr int exit_connection_gone = 113;

// "The action ended its process with exit code 3", "The action broke its process: killed by signal
// 11 (Segmentation fault)", …
std::string breakdown_text(const HostEnd& end);

// `message`, with the limit on memory behind it when what the action said (its output, its own
// message) speaks of memory that was not to be had.
std::string with_memory_limit(std::string message, const std::string& said,
                              const HostLimits& limits);

}  // namespace jobengine::executor
