#include "executor/left_behind.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "common/runtime/event.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::executor {

namespace {

namespace fs = std::filesystem;

bool is_marked(const fs::path& process, const std::string& variable) {
  std::ifstream file(process / "environ", std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string_view rest = all;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find('\0'));
    if (one == variable) return true;
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  return false;
}

// A zombie has no environment any more, so what is killed is not found again.
std::vector<pid_t> marked_processes(const std::string& variable) {
  std::vector<pid_t> found;
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    pid_t pid = 0;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    const bool number = parsed.ec == std::errc() && parsed.ptr == name.data() + name.size();
    if (number && pid != ::getpid() && is_marked(it->path(), variable)) found.push_back(pid);
  }
  return found;
}

}  // namespace

awaitable<bool> end_left_behind(std::string mark, runtime::TimePoint deadline) {
  const std::string variable = std::string(run_mark_variable) + "=" + mark;
  runtime::Event never;
  bool told = false;
  for (;;) {
    const std::vector<pid_t> processes = marked_processes(variable);
    if (processes.empty()) co_return true;
    if (!std::exchange(told, true)) {
      telemetry::info("processes of an executor that was here before are killed",
                      {{"count", processes.size()}});
    }
    for (const pid_t process : processes) ::kill(process, SIGKILL);
    if (runtime::Clock::now() >= deadline) co_return false;
    co_await never.wait_for(std::chrono::milliseconds(5));
  }
}

}  // namespace jobengine::executor
