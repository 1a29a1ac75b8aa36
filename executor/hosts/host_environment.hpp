// The environment actions run in: the executor's own without its secrets. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace jobengine::executor {

// Leaves out JOB_API_… and JOB_COOKIES, and every JOB_… variable whose name speaks of a password,
// secret, key or token. `additions` replace variables of the same name.
std::vector<std::string> host_environment(
    const char* const* environment,
    const std::vector<std::pair<std::string, std::string>>& additions);

}  // namespace jobengine::executor
