// How job-action-host is started, for whatever it is to do: as whom, with which limits and
// environment, and with nothing inherited.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/runtime/child_process.hpp"
#include "executor/hosts/host_limits.hpp"

namespace jobengine::executor {

struct HostCommand {
  std::string program;                   // path of job-action-host
  std::vector<std::string> environment;  // "NAME=value"
  HostLimits limits;
  std::optional<runtime::Credentials> credentials;  // none: the executor's own
  runtime::Duration start_limit = std::chrono::seconds(30);
};

// `job-action-host <limits> <mode> <file>` with those descriptors, in a session of its own, killed
// when the calling thread ends. Pipes among the descriptors are made the action user's, so that
// what it starts may open them by name (/dev/stderr).
runtime::SpawnRequest host_request(const HostCommand& command, const std::string& mode,
                                   const std::string& file,
                                   std::vector<std::pair<int, int>> descriptors);

}  // namespace jobengine::executor
