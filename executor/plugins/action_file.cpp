#include "executor/plugins/action_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/configuration/nearest_name.hpp"
#include "common/configuration/yaml_document.hpp"
#include "common/runtime/failure.hpp"
#include "executor/plugins/payload_check.hpp"

namespace jobengine::executor {

namespace {

namespace fs = std::filesystem;
using configuration::YamlNode;
using runtime::Failure;

// Of private copies only: where the original stands.
constexpr const char* folder_key = "folder";

std::vector<std::string> known_keys() {
  return {"name",  "description", "pull-mode", "payload-schema", "timeout", "idle-timeout",
          "retry", "isolation",   "labels",    "command",        "protocol"};
}

const std::vector<std::string>& known_retry_keys() {
  static const std::vector<std::string> keys = {"limit", "first-delay", "longest-delay", "on"};
  return keys;
}

void warn_of_unknown(const YamlNode& map, const std::vector<std::string>& known,
                     const std::string& within, std::vector<std::string>& warnings) {
  for (const auto& [key, value] : map.entries()) {
    if (std::find(known.begin(), known.end(), key) != known.end() || key == folder_key) continue;
    const std::string nearest = configuration::nearest_name(key, known);
    std::string warning = value.where() + ": unknown key \"" + within + key + "\" is ignored";
    if (!nearest.empty()) warning += "; did you mean \"" + within + nearest + "\"?";
    warnings.push_back(std::move(warning));
  }
}

bool is_executable(const fs::path& file) {
  struct stat found{};
  return ::stat(file.c_str(), &found) == 0 && S_ISREG(found.st_mode) &&
         ::access(file.c_str(), X_OK) == 0;
}

// Throws Failure saying where it was looked for.
std::string find_program(const std::string& name, const fs::path& folder) {
  if (name.find('/') != std::string::npos) {
    const fs::path file = (folder / name).lexically_normal();
    std::error_code ignored;
    if (!fs::exists(file, ignored)) throw Failure("there is no program " + file.string());
    if (!is_executable(file)) throw Failure(file.string() + " is not executable (chmod +x)");
    return file.string();
  }
  const char* const variable = std::getenv("PATH");
  const std::string path = variable == nullptr ? "/usr/bin:/bin" : variable;
  std::istringstream folders(path);
  for (std::string one; std::getline(folders, one, ':');) {
    const fs::path file = fs::absolute(one.empty() ? "." : one) / name;
    if (is_executable(file)) return file.string();
  }
  throw Failure("there is no program " + name + " in PATH (" + path +
                "); one beside the manifest is written ./" + name);
}

Manifest manifest_from(const YamlNode& document) {
  try {
    Manifest manifest = manifest_of(document.json());
    payload_schema_of(manifest);
    return manifest;
  } catch (const ManifestError& error) {
    const bool placed = document.is_map() && document.has(error.key());
    const std::string where = placed ? document.at(error.key()).where() : document.where();
    throw Failure(where + ": " + error.what());
  }
}

ActionFile read(const std::string& file) {
  const YamlNode document = configuration::read_yaml_file(file);
  if (!document.is_map()) document.refuse("must be a map with name, description and command");
  ActionFile action;
  for (const char* needed : {"name", "description", "command"}) {
    if (!document.has(needed) || document.at(needed).is_null()) {
      document.refuse(std::string("the key \"") + needed +
                      "\" is missing; an executable action needs name, description and command");
    }
  }
  action.manifest = manifest_from(document);
  warn_of_unknown(document, known_keys(), "", action.warnings);
  if (document.has("retry") && document.at("retry").is_map()) {
    warn_of_unknown(document.at("retry"), known_retry_keys(), "retry.", action.warnings);
  }
  if (action.manifest.command.empty()) {
    document.at("command").refuse("is empty; expected a list: the program and its arguments");
  }
  if (action.manifest.isolation == Isolation::Shared) {
    document.at("isolation")
        .refuse("\"shared\" is for plugins; a program has a process of its own");
  }
  action.folder = document.has(folder_key) ? document.at(folder_key).text()
                                           : fs::absolute(file).parent_path().string();
  try {
    action.program = find_program(action.manifest.command.front(), action.folder);
  } catch (const Failure& failure) {
    document.at("command").refuse(failure.what());
  }
  return action;
}

}  // namespace

bool is_plugin_file(std::string_view file) {
  return file.ends_with(".so");
}

bool is_action_file(std::string_view file) {
  return file.ends_with(".action.yaml");
}

ActionFile read_action_file(const std::string& file) {
  try {
    return read(file);
  } catch (const configuration::YamlError& error) {
    throw Failure(error.what());
  }
}

std::string text_for_elsewhere(const ActionFile& action) {
  nlohmann::json document = to_json(action.manifest);
  document[folder_key] = action.folder;
  return document.dump(2, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace jobengine::executor
