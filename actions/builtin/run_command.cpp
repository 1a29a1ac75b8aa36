// run_command: runs a program on the executor's machine.
// Payload: "argv" (list of strings, no shell is involved), and optionally "working-directory",
// "environment" (added to the executor's own without its JOB_ variables), "stdin", "timeout" and
// "grace" in seconds. The return code is recorded, and the end of both output streams kept in the
// status message.
#include <cerrno>
#include <jobengine/action.hpp>
#include <nlohmann/json.hpp>

#include "actions/builtin/command_line.hpp"

namespace {

namespace actions = jobengine::actions;

// Of each stream. Both together stay well below what the API keeps of a status message (100 000
// characters).
constexpr std::size_t kept_bytes = 32768;
constexpr int not_executable_code = 126;  // as the shell
constexpr int not_found_code = 127;

class RunCommand : public jobengine::Action {
 public:
  std::string name() const override { return "run_command"; }
  std::string description() const override {
    return "Runs a program; payload: argv, working-directory, environment, stdin, timeout, grace";
  }
  bool pull_mode() const override { return true; }
  jobengine::Manifest manifest() const override {
    auto made = Action::manifest();
    made.payload_schema = R"({
      "type": "object",
      "properties": {
        "argv": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "working-directory": {"type": "string"},
        "environment": {"type": "object", "additionalProperties": {"type": "string"}},
        "stdin": {"type": "string"},
        "timeout": {"type": "number", "minimum": 0},
        "grace": {"type": "number", "minimum": 0}
      },
      "required": ["argv"],
      "additionalProperties": false
    })"_json;
    return made;
  }

  int run(jobengine::Job& job) override {
    try {
      const auto command = actions::command_of(job);
      const auto result = actions::run_command(command, job.stop_descriptor(), kept_bytes);
      job.status(actions::report(command, result));
      return actions::return_code_of(result);
    } catch (const actions::CommandNotStarted& failure) {
      job.status(failure.what());
      return failure.error() == ENOENT ? not_found_code : not_executable_code;
    }
  }
};

}  // namespace

JE_EXPORT_ACTION(RunCommand);
