// Any of our programs as a process, that may be told where to die.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/runtime/child_process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {

inline constexpr int killed = 128 + 9;

// Lives on the loop; killed at the end of its life.
class DoomedProgram {
 public:
  // `crash_at`: a point's name and perhaps ":n" (common/runtime/crash_point.hpp); empty: nowhere.
  DoomedProgram(asio::io_context& loop, const std::string& program,
                std::vector<std::string> arguments, const std::string& crash_at = "");
  void signal(int number) { process_.signal(number); }
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
