// What one has to know of a job to hand out its log or to add to it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "api/cimi/timestamp.hpp"
#include "api/store/store.hpp"

namespace jobengine::api::logs {

struct LoggedJob {
  nlohmann::json acl;
  std::string state;
  std::optional<cimi::WallTime> ended;  // when it became final; nothing: it is not
};

// Nothing: there is no such job. `store` must outlive the wait.
awaitable<std::optional<LoggedJob>> logged_job(store::Store& store, std::string id);

}  // namespace jobengine::api::logs
