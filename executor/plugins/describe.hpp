// What a plugin says about itself, asked for by a short-lived action host: this process loads none
// of its code.
#pragma once

#include <string>
#include <vector>

#include "common/runtime/asio.hpp"
#include "executor/hosts/host_process.hpp"
#include "executor/plugins/manifest.hpp"

namespace jobengine::executor {

struct Description {
  std::vector<Manifest> actions;
  std::string refused;  // why the file cannot be used; empty: it can
};

// Runs `job-action-host --describe FILE`, at most `limit` long. Whatever the plugin does while it
// is loaded ends up in `refused`. Throws runtime::Failure when there is no host to be started.
awaitable<Description> describe_plugin(asio::io_context& loop, HostCommand command,
                                       std::string file, runtime::Duration limit);

}  // namespace jobengine::executor
