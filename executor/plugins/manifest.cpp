#include "executor/plugins/manifest.hpp"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

// A '*' at the end stands for any rest.
bool is_action_name(std::string_view name) {
  if (name.size() > 1 && name.ends_with('*')) name.remove_suffix(1);
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
}

}  // namespace

Manifest parse_manifest(std::string_view text) {
  const auto document = nlohmann::json::parse(text, nullptr, false);
  if (document.is_discarded()) throw runtime::Failure("its manifest is not JSON");
  return manifest_of(document);
}

Manifest manifest_of(const nlohmann::json& document) {
  if (!document.is_object()) {
    throw runtime::Failure(std::string("its manifest must be a JSON object, not ") +
                           document.type_name());
  }
  Manifest manifest;
  const auto name = document.find("name");
  if (name == document.end() || !name->is_string()) {
    throw runtime::Failure("its manifest must have a textual \"name\"");
  }
  manifest.name = name->get<std::string>();
  if (!is_action_name(manifest.name)) {
    throw runtime::Failure(
        "the name in its manifest, \"" + manifest.name +
        "\", must consist of letters, digits, '-' and '_', and may end with '*'");
  }
  if (const auto found = document.find("description"); found != document.end()) {
    if (!found->is_string()) {
      throw runtime::Failure("\"description\" in the manifest of " + manifest.name +
                             " must be a text");
    }
    manifest.description = found->get<std::string>();
  }
  if (const auto found = document.find("pull-mode"); found != document.end()) {
    if (!found->is_boolean()) {
      throw runtime::Failure("\"pull-mode\" in the manifest of " + manifest.name +
                             " must be true or false");
    }
    manifest.pull_mode = found->get<bool>();
  }
  if (const auto found = document.find("isolation"); found != document.end()) {
    if (*found != "process" && *found != "shared") {
      throw runtime::Failure("\"isolation\" in the manifest of " + manifest.name +
                             " must be \"process\" or \"shared\"");
    }
    manifest.isolation = *found == "shared" ? Isolation::Shared : Isolation::Process;
  }
  return manifest;
}

nlohmann::json to_json(const Manifest& manifest) {
  nlohmann::json document;
  document["name"] = manifest.name;
  document["description"] = manifest.description;
  document["pull-mode"] = manifest.pull_mode;
  document["isolation"] = manifest.isolation == Isolation::Shared ? "shared" : "process";
  return document;
}

}  // namespace jobengine::executor
