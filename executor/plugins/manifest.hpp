// What an action says about itself. Pure. Source: je_action.manifest in jobengine/plugin_abi.h.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace jobengine::executor {

struct Manifest {
  std::string name;  // the job's `action`; "bulk_*": every action that begins with "bulk_"
  std::string description;
  bool pull_mode = false;  // may run without a queue, on an edge
};

// Throws runtime::Failure saying what is wrong and what was expected. Unknown keys are ignored.
Manifest parse_manifest(std::string_view text);
Manifest manifest_of(const nlohmann::json& document);
nlohmann::json to_json(const Manifest& manifest);

}  // namespace jobengine::executor
