// Executable actions: programs that are described by a YAML file beside them,
// "<anything>.action.yaml".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "executor/plugins/manifest.hpp"

namespace jobengine::executor {

// What a file of an actions directory is, by its name.
bool is_plugin_file(std::string_view file);  // "….so"
bool is_action_file(std::string_view file);  // "….action.yaml"

struct ActionFile {
  Manifest manifest;
  std::string folder;                 // absolute; the command is run there
  std::string program;                // absolute path of command[0]
  std::vector<std::string> warnings;  // keys that mean nothing: typos, mostly
};

// Throws runtime::Failure that names file and line, key, value and what was expected; also when
// the program of its command is not there.
ActionFile read_action_file(const std::string& file);

// The file of the same action as YAML text that can stand in any folder: a private copy.
std::string text_for_elsewhere(const ActionFile& action);

}  // namespace jobengine::executor
