// Processes of actions that outlived an executor which was killed: found by a mark in their
// environment, which whatever they start inherits.
#pragma once

#include <string>

#include "common/runtime/asio.hpp"

namespace jobengine::executor {

// The variable that carries the mark of the executor's run.
inline constexpr const char* run_mark_variable = "JOBENGINE_EXECUTOR_RUN";

// Kills every process whose environment holds the mark, as far as this user may look into them.
// Returns true once there is none, false when some are left at `deadline`.
awaitable<bool> end_left_behind(std::string mark, runtime::TimePoint deadline);

}  // namespace jobengine::executor
