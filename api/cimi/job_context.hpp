// What a job needs to know to be run: its target, what else it affects, and what these refer to.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "api/access/identity.hpp"
#include "api/cimi/generic_type.hpp"
#include "api/store/store.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::api::cimi {

// {resource id: document without operations and acl}: of jobs and declared types, as far as `who`
// may see them; at most 100. References are followed one level, `parent` two more. `types` and
// `store` must outlive the wait.
awaitable<nlohmann::json> job_context(store::Store& store, const GenericTypes& types,
                                      nlohmann::json job, access::Identity who);

}  // namespace jobengine::api::cimi
