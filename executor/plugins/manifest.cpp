#include "executor/plugins/manifest.hpp"

#include <algorithm>
#include <cctype>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/configuration/duration_text.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr int most_retries = 1000;
constexpr std::size_t most_shown = 80;

// A '*' at the end stands for any rest.
bool is_action_name(std::string_view name) {
  if (name.size() > 1 && name.ends_with('*')) name.remove_suffix(1);
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_';
  });
}

// "gpu", "region=eu-1"
bool is_label(std::string_view label) {
  return !label.empty() && std::all_of(label.begin(), label.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("-_.=/").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > most_shown) text = text.substr(0, most_shown) + "…";
  return text;
}

// Reads the members of a manifest, or of a map in it, and says which one is wrong.
class Reader {
 public:
  // `within`: the key of the manifest whose map this is; "" for the manifest itself.
  Reader(const json& document, std::string place, std::string within = "")
      : document_(document), place_(std::move(place)), within_(std::move(within)) {}

  const json* find(const char* key) const {
    const auto found = document_.find(key);
    return found == document_.end() ? nullptr : &*found;
  }
  [[noreturn]] void refuse(const char* key, const json& value, const std::string& expected) const {
    throw ManifestError(within_.empty() ? key : within_, "\"" + std::string(key) + "\" in " +
                                                             place_ + " is " + shown(value) +
                                                             "; expected " + expected);
  }
  std::string text(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return {};
    if (!value->is_string()) refuse(key, *value, "a text");
    return value->get<std::string>();
  }
  bool flag(const char* key) const {
    const json* value = find(key);
    if (value == nullptr) return false;
    if (!value->is_boolean()) refuse(key, *value, "true or false");
    return value->get<bool>();
  }
  int count(const char* key, int otherwise, int most) const {
    const json* value = find(key);
    if (value == nullptr) return otherwise;
    const bool whole = value->is_number_integer() && *value >= 0 && *value <= most;
    if (!whole) refuse(key, *value, "a whole number from 0 to " + std::to_string(most));
    return value->get<int>();
  }
  milliseconds duration(const char* key, milliseconds otherwise) const {
    const json* value = find(key);
    if (value == nullptr) return otherwise;
    std::optional<milliseconds> duration;
    if (value->is_string()) duration = configuration::parse_duration(value->get<std::string>());
    if (value->is_number_integer()) duration = configuration::parse_duration(value->dump());
    if (!duration) refuse(key, *value, "a duration like \"500ms\", \"90s\", \"5m\" or seconds");
    return *duration;
  }
  std::vector<std::string> texts(const char* key, const std::function<bool(std::string_view)>& fits,
                                 const std::string& expected) const {
    std::vector<std::string> result;
    const json* value = find(key);
    if (value == nullptr) return result;
    const bool well =
        value->is_array() && std::all_of(value->begin(), value->end(), [&](const json& one) {
          return one.is_string() && fits(one.get_ref<const std::string&>());
        });
    if (!well) refuse(key, *value, expected);
    return value->get<std::vector<std::string>>();
  }

 private:
  const json& document_;
  std::string place_;
  std::string within_;
};

RetryPolicy retry_from(const Reader& reader, const std::string& action) {
  RetryPolicy policy;
  const json* given = reader.find("retry");
  if (given == nullptr) return policy;
  if (!given->is_object()) {
    reader.refuse("retry", *given, "a map of limit, first-delay, longest-delay and on");
  }
  const Reader retry(*given, "\"retry\" of the manifest of " + action, "retry");
  policy.limit = retry.count("limit", policy.limit, most_retries);
  policy.first_delay = retry.duration("first-delay", policy.first_delay);
  policy.longest_delay = retry.duration("longest-delay", policy.longest_delay);
  if (policy.longest_delay < policy.first_delay) policy.longest_delay = policy.first_delay;
  const auto known = [](std::string_view end) {
    return end == "crash" || end == "timeout" || end == "failure";
  };
  for (const std::string& end : retry.texts("on", known, "a list of crash, timeout, failure")) {
    policy.on_crash |= end == "crash";
    policy.on_timeout |= end == "timeout";
    policy.on_failure |= end == "failure";
  }
  return policy;
}

Isolation isolation_from(const Reader& reader) {
  const json* given = reader.find("isolation");
  if (given == nullptr || *given == "process") return Isolation::Process;
  if (*given != "shared") reader.refuse("isolation", *given, "process or shared");
  return Isolation::Shared;
}

ProgramProtocol protocol_from(const Reader& reader) {
  const std::string text = reader.text("protocol");
  if (text.empty() || text == "json-lines") return ProgramProtocol::JsonLines;
  if (text != "none") reader.refuse("protocol", json(text), "json-lines or none");
  return ProgramProtocol::None;
}

json to_json(const RetryPolicy& policy) {
  json on = json::array();
  if (policy.on_crash) on.push_back("crash");
  if (policy.on_timeout) on.push_back("timeout");
  if (policy.on_failure) on.push_back("failure");
  return {{"limit", policy.limit},
          {"first-delay", std::to_string(policy.first_delay.count()) + "ms"},
          {"longest-delay", std::to_string(policy.longest_delay.count()) + "ms"},
          {"on", on}};
}

}  // namespace

Manifest parse_manifest(std::string_view text) {
  const auto document = json::parse(text, nullptr, false);
  if (document.is_discarded()) throw ManifestError("", "its manifest is not JSON");
  return manifest_of(document);
}

Manifest manifest_of(const json& document) {
  if (!document.is_object()) {
    throw ManifestError(
        "", std::string("its manifest must be a JSON object, not ") + document.type_name());
  }
  Manifest manifest;
  const auto name = document.find("name");
  if (name == document.end() || !name->is_string()) {
    throw ManifestError("name", "its manifest must have a textual \"name\"");
  }
  manifest.name = name->get<std::string>();
  if (!is_action_name(manifest.name)) {
    throw ManifestError(
        "name", "the name in its manifest, \"" + manifest.name +
                    "\", must consist of letters, digits, '-' and '_', and may end with '*'");
  }
  const Reader reader(document, "the manifest of " + manifest.name);
  manifest.description = reader.text("description");
  manifest.pull_mode = reader.flag("pull-mode");
  manifest.timeout = reader.duration("timeout", milliseconds(0));
  manifest.idle_timeout = reader.duration("idle-timeout", milliseconds(0));
  manifest.retry = retry_from(reader, manifest.name);
  manifest.isolation = isolation_from(reader);
  manifest.labels =
      reader.texts("labels", is_label, "a list of labels like \"gpu\" or \"region=eu\"");
  manifest.command = reader.texts(
      "command", [](std::string_view word) { return word.find('\0') == std::string_view::npos; },
      "a list of texts: the program and its arguments");
  manifest.protocol = protocol_from(reader);
  const json* schema = reader.find("payload-schema");
  if (schema != nullptr && !schema->is_null()) {
    if (!schema->is_object() && !schema->is_boolean()) {
      reader.refuse("payload-schema", *schema, "a JSON Schema: an object, or true or false");
    }
    manifest.payload_schema = *schema;
  }
  return manifest;
}

json to_json(const Manifest& manifest) {
  json document;
  document["name"] = manifest.name;
  document["description"] = manifest.description;
  document["pull-mode"] = manifest.pull_mode;
  document["timeout"] = std::to_string(manifest.timeout.count()) + "ms";
  document["idle-timeout"] = std::to_string(manifest.idle_timeout.count()) + "ms";
  document["retry"] = to_json(manifest.retry);
  document["isolation"] = manifest.isolation == Isolation::Shared ? "shared" : "process";
  document["labels"] = manifest.labels;
  if (!manifest.command.empty()) document["command"] = manifest.command;
  if (manifest.protocol == ProgramProtocol::None) document["protocol"] = "none";
  if (!manifest.payload_schema.is_null()) document["payload-schema"] = manifest.payload_schema;
  return document;
}

}  // namespace jobengine::executor
