// Runs jobctl as people do, and one `jobctl dev` for the cases of this program to share.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/runtime/child_process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {

struct Ran {
  int code = -1;  // 128 + n for signal n
  std::string out;
  std::string err;
  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

// Runs `argv` to its end, at most two minutes. `variables` ("NAME=value") come on top of our own
// environment, without its JOB_ variables.
Ran run_program(std::vector<std::string> argv, const std::vector<std::string>& variables);
// `jobctl <arguments>`.
Ran jobctl(std::vector<std::string> arguments, const std::vector<std::string>& variables = {});

// A `jobctl dev` of one's own.
class DevProcess {
 public:
  // Waits until it has told, as JSON, where everything is.
  explicit DevProcess(std::vector<std::string> arguments);
  ~DevProcess();
  DevProcess(const DevProcess&) = delete;
  DevProcess& operator=(const DevProcess&) = delete;

  const nlohmann::json& facts() const { return facts_; }
  // For jobctl(), so that it talks to this one.
  std::vector<std::string> variables() const;
  pid_t pid() const;
  pid_t pid_of(const std::string& process) const;
  // Its processes that still run.
  std::vector<std::string> alive() const;

  void signal(int number);
  // Waits for its end.
  Ran ended();

 private:
  struct State;
  std::unique_ptr<State> state_;
  nlohmann::json facts_;
};

// Started at the first use; two slots.
DevProcess& shared_dev();

}  // namespace jobengine::tests
