// Any of our programs as a process, that may be told where to die or to freeze.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/runtime/child_process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {

inline constexpr int killed = 128 + 9;

// `point`: a name and perhaps ":n" (common/runtime/crash_point.hpp).
inline std::string dies_at(const std::string& point) {
  return "JE_CRASH_AT=" + point;
}
inline std::string freezes_at(const std::string& point) {
  return "JE_FREEZE_AT=" + point;
}

// As in /proc: 'T' stopped, 'Z' dead but not reaped; ' ' when there is none.
char state_of(int process);

// Lives on the loop; killed at the end of its life.
class DoomedProgram {
 public:
  // `doom`: one of the above; empty: none.
  DoomedProgram(asio::io_context& loop, const std::string& program,
                std::vector<std::string> arguments, const std::string& doom = "");
  void signal(int number) { process_.signal(number); }
  pid_t pid() const { return process_.pid(); }
  // Stopped by SIGSTOP, as a whole.
  bool frozen() const;
  // Its exit code, 128 + signal when one ended it. Kills it and throws when it does not end.
  awaitable<int> end();
  std::string output() const;

 private:
  TemporaryDirectory directory_;
  runtime::ChildProcess process_;
};

// The points of a program, as it tells them itself when it is asked for one that it has not.
awaitable<std::set<std::string>> crash_points_of(asio::io_context& loop, std::string program);

}  // namespace jobengine::tests
