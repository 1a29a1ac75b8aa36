#include "executor/hosts/host_command.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

namespace jobengine::executor {

runtime::SpawnRequest host_request(const HostCommand& command, const std::string& mode,
                                   const std::string& file,
                                   std::vector<std::pair<int, int>> descriptors) {
  runtime::SpawnRequest request;
  request.argv = {command.program};
  for (std::string& argument : to_arguments(command.limits)) {
    request.argv.push_back(std::move(argument));
  }
  request.argv.push_back(mode);
  request.argv.push_back(file);
  request.environment = command.environment;
  request.credentials = command.credentials;
  request.no_new_privileges = true;
  request.new_session = true;
  request.parent_death_signal = SIGKILL;
  for (const auto& [here, there] : descriptors) {
    struct stat about{};
    if (!command.credentials || ::fstat(here, &about) < 0 || !S_ISFIFO(about.st_mode)) continue;
    // Where it fails, only opening by name does.
    [[maybe_unused]] const int changed =
        ::fchown(here, command.credentials->user, command.credentials->group);
  }
  request.descriptors = std::move(descriptors);
  return request;
}

}  // namespace jobengine::executor
