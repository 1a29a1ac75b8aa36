// The user actions run as, when it is not the executor's own.
#pragma once

#include <string>
#include <vector>

#include "common/runtime/child_process.hpp"

namespace jobengine::executor {

struct ActionUser {
  runtime::Credentials credentials;
  // HOME, USER and LOGNAME of the user, where the system knows it.
  std::vector<std::pair<std::string, std::string>> environment;
};

// "nobody", "1001", "1001:1001", "nobody:users". Without a group: the user's own, with all that it
// belongs to. Throws configuration::UsageError when there is no such user or group, for root, for a
// user that has no group to go with, and when this process has not the capabilities it takes to
// become another user and to signal it.
ActionUser parse_action_user(const std::string& text);

}  // namespace jobengine::executor
