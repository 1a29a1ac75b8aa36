// What is known of a job's attempts, told to people. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "common/queue/attempt_record.hpp"

namespace jobengine::executor {

// Of the attempts before `attempt`, of which so many have died: for the status message of a job
// that is given up.
std::string attempt_history(const queue::AttemptRecord& record, std::int32_t attempt,
                            std::int32_t died);

}  // namespace jobengine::executor
