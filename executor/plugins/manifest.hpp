// What an action says about itself. Pure. Source: je_action.manifest in jobengine/plugin_abi.h.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

enum class Isolation {
  Process,  // in an action host: a process that can always be killed
  Shared,   // in a thread of the executor: for trusted actions
};

// What an executable action's program and the engine say to each other.
enum class ProgramProtocol {
  JsonLines,  // docs/protocols/executable_actions.md
  None,       // it reads its payload from stdin and prints text
};

// When a run that did not succeed is run again. A retry the action itself asks for always counts;
// the flags add what else does.
struct RetryPolicy {
  int limit = 5;  // retries of one job, over all its attempts
  std::chrono::milliseconds first_delay = std::chrono::seconds(1);
  std::chrono::milliseconds longest_delay = std::chrono::minutes(5);
  bool on_crash = false;
  bool on_timeout = false;
  bool on_failure = false;  // a return code other than 0, an exception
};

struct Manifest {
  std::string name;  // the job's `action`; "bulk_*": every action that begins with "bulk_"
  std::string description;
  bool pull_mode = false;                // may run without a queue, on an edge
  nlohmann::json payload_schema;         // JSON Schema, draft 7, of the payload; null: anything
  std::chrono::milliseconds timeout{0};  // of one run; zero: none
  std::chrono::milliseconds idle_timeout{0};  // since the action was last heard of; zero: none
  RetryPolicy retry;
  Isolation isolation = Isolation::Process;
  std::vector<std::string> labels;   // an executor must have them all
  std::vector<std::string> command;  // of an executable action; empty: a plugin
  ProgramProtocol protocol = ProgramProtocol::JsonLines;  // of an executable action
};

// What is wrong with a manifest: key, value, what was expected.
class ManifestError : public runtime::Failure {
 public:
  ManifestError(std::string key, const std::string& complaint)
      : Failure(complaint), key_(std::move(key)) {}
  // Of the manifest, not of a map in it; "" when it is about the whole.
  const std::string& key() const { return key_; }

 private:
  std::string key_;
};

// Throw ManifestError. Unknown keys are ignored. Whether payload-schema is a schema is left to
// payload_check.hpp.
Manifest parse_manifest(std::string_view text);
Manifest manifest_of(const nlohmann::json& document);
nlohmann::json to_json(const Manifest& manifest);

}  // namespace jobengine::executor
