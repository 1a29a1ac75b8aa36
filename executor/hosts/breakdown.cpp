#include "executor/hosts/breakdown.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>

namespace jobengine::executor {

std::string breakdown_text(const HostEnd& end) {
  const runtime::ExitStatus& status = end.status;
  if (!end.replaced_by.empty()) {
    const std::string text =
        "The action replaced its process by the program " + end.replaced_by + ", which ";
    if (!end.given_up.empty()) return text + "was killed";
    return text + (status.signal_number == 0 ? "" : "was ") + status.text();
  }
  if (!end.given_up.empty()) return "The action broke its process: " + end.given_up;
  if (status.signal_number == 0) {
    if (status.code == exit_connection_gone) {
      return "The action broke its process: descriptors its host needs were closed, such as its "
             "connection to the executor (3)";
    }
    return "The action ended its process with exit code " + std::to_string(status.code);
  }
  std::string text = "The action broke its process: " + status.text();
  if (status.signal_number == SIGKILL) {
    text +=
        "; if nobody sent it, the process stood still past its lease, or the system was "
        "out of memory";
  }
  return text;
}

std::string with_memory_limit(std::string message, const std::string& said,
                              const HostLimits& limits) {
  if (!limits.memory) return message;
  constexpr std::array<std::string_view, 4> words = {"bad_alloc", "Cannot allocate memory",
                                                     "MemoryError", "ut of memory"};
  const bool about_memory = std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return said.find(word) != std::string::npos;
  });
  if (about_memory) {
    message += "\nThe memory of an action is limited to " + std::to_string(*limits.memory) +
               " bytes here (--host-memory)";
  }
  return message;
}

}  // namespace jobengine::executor
