// jobctl submit --count and --from-file: any number of jobs, some hundreds a request.
#pragma once

#include "ctl/commands.hpp"

namespace jobengine::ctl {

// The job that the options describe.
nlohmann::json document_of(const SubmitCommand& command);

awaitable<int> submit_many(asio::io_context& loop, const SubmitCommand& command,
                           const Context& context);

}  // namespace jobengine::ctl
