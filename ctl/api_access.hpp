// What every command that talks to the resource API does the same way.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "common/cimi/client.hpp"
#include "common/runtime/event.hpp"
#include "ctl/commands.hpp"

namespace jobengine::ctl {

// A client as the options ask for, logged in. Throws Failure when the API cannot be reached or
// refuses the login. `context` is only read before the first suspension.
awaitable<std::unique_ptr<cimi::Client>> open_api(asio::io_context& loop, const Context& context);

// The reply itself; throws Failure with its message when it is not Ok.
cimi::Reply expect_ok(cimi::Reply reply);

// An attribute as text; "" when it is missing. Numbers come in decimal, maps and lists as JSON.
std::string attribute(const nlohmann::json& document, const char* name);

// Seconds between `started` and the last update, in milliseconds; "" for a job that never started.
std::string run_time(const nlohmann::json& job);

// Waits until the job is final, showing its progress. Returns its document, or null when `stop` was
// raised first. An API that is away for a while is waited for; throws Failure when that takes
// longer than a minute, or when the job is gone.
awaitable<nlohmann::json> follow(cimi::Client& client, std::string id, runtime::Event& stop);

// 0, 3 or 4, by the state of a final job.
int exit_code_of(const nlohmann::json& job);

}  // namespace jobengine::ctl
