// What `jobctl run` asks job-action-run for, as one JSON object on its standard input. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::executor {

// What the resource API would answer: the first that fits is given, and only once.
struct ScriptedAnswer {
  std::string method;
  std::string path;  // below /api/, without a query
  std::int32_t status = 200;
  std::string body;  // JSON text
};

struct TrialRequest {
  std::string plugin_file;
  std::string action;   // empty: the plugin's only one
  std::string payload;  // JSON text; empty: none
  std::string target;   // href of the target resource; empty: none
  std::int32_t attempt = 1;
  std::string checkpoint;  // JSON text an earlier attempt is said to have saved; empty: none
  std::vector<ScriptedAnswer> answers;
  std::chrono::milliseconds timeout{0};  // zero: the manifest's
  bool json = false;                     // events as JSON lines instead of text for people
};

// Throws runtime::Failure naming the member that is wrong and what was expected.
TrialRequest parse_trial_request(std::string_view text);

}  // namespace jobengine::executor
