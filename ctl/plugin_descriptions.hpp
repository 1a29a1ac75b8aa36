// What the files of an actions directory say about themselves, by job-action-host: jobctl loads
// none of their code.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "common/runtime/asio.hpp"

namespace jobengine::ctl {

// In the form of an executor's GET /actions. Throws runtime::Failure when the directory cannot be
// read or job-action-host is not there.
awaitable<nlohmann::json> describe_directory(asio::io_context& loop, std::string directory);

}  // namespace jobengine::ctl
