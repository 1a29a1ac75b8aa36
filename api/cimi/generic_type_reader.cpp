#include "api/cimi/generic_type_reader.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "api/cimi/generic_document.hpp"
#include "api/filter/evaluate.hpp"
#include "common/configuration/yaml_document.hpp"
#include "common/job/job_state.hpp"

namespace jobengine::api::cimi {
namespace {

using configuration::YamlError;
using configuration::YamlNode;
using nlohmann::json;

constexpr std::int64_t least_urgent = 999;

// Collections job-api has or keeps for itself, and what else stands where a collection would.
constexpr std::array<std::string_view, 17> reserved_types{"group-template",
                                                          "job",
                                                          "session",
                                                          "session-template",
                                                          "user",
                                                          "user-template",
                                                          "user-identifier",
                                                          "credential",
                                                          "credential-template",
                                                          "group",
                                                          "cloud-entry-point",
                                                          "resource-metadata",
                                                          "events",
                                                          "event",
                                                          "hook",
                                                          "configuration",
                                                          "api"};
// Operations every resource has, and bulk actions every type has.
constexpr std::array<std::string_view, 10> reserved_operations{
    "events",      "add",      "edit",     "delete",      "query",
    "bulk-delete", "set-tags", "add-tags", "remove-tags", "bulk"};

bool lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool digit(char c) {
  return c >= '0' && c <= '9';
}

// ^[a-z]([a-z-]*[a-z])?$, as the type in a resource id; digits too where they are allowed.
bool is_name(const std::string& text, bool digits) {
  const auto fine = [&](char c) { return lower(c) || (digits && digit(c)); };
  return !text.empty() && text.size() <= 64 && lower(text.front()) && fine(text.back()) &&
         std::all_of(text.begin(), text.end(), [&](char c) { return fine(c) || c == '-'; });
}

bool is_action(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return lower(c) || digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

template <class Names>
bool among(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> texts(const YamlNode& list) {
  std::vector<std::string> result;
  for (const auto& one : list.items()) result.push_back(one.text());
  return result;
}

std::vector<std::string> path_of(const YamlNode& node) {
  std::vector<std::string> path;
  const auto text = node.text();
  for (std::size_t from = 0; from <= text.size();) {
    const auto slash = std::min(text.find('/', from), text.size());
    if (slash == from) node.refuse("\"" + text + "\" where a path such as a/b was expected");
    path.push_back(text.substr(from, slash - from));
    from = slash + 1;
  }
  return path;
}

std::string one_of(const YamlNode& node, const std::vector<std::string>& allowed) {
  auto text = node.text();
  if (among(allowed, text)) return text;
  std::string list;
  for (const auto& one : allowed) list += (list.empty() ? "" : ", ") + one;
  node.refuse("\"" + text + "\" where one of " + list + " was expected");
}

GenericCondition condition_of(const YamlNode& node) {
  GenericCondition condition;
  condition.text = node.text();
  try {
    condition.filter = filter::parse(condition.text);
    filter::matches(condition.filter, json::object(), filter::FieldTypes{}, 0);
  } catch (const filter::FilterError& error) {
    node.refuse(error.what());
  }
  return condition;
}

json attribute_map(const YamlNode& node) {
  if (!node.is_map()) node.refuse("a map of attributes was expected");
  for (const auto& [key, value] : node.entries()) {
    if (is_kept_by_server(key)) value.refuse("\"" + key + "\" is set by the server alone");
  }
  return node.json();
}

GenericHook hook_of(const YamlNode& node) {
  node.expect_keys({"when", "set", "delete", "delete-if"});
  GenericHook hook;
  if (node.has("when")) hook.when = condition_of(node.at("when"));
  if (node.has("set")) hook.set = attribute_map(node.at("set"));
  if (node.has("delete")) hook.remove = node.at("delete").boolean();
  if (node.has("delete-if")) hook.remove_if = node.at("delete-if").text();
  if (hook.set.empty() && !hook.remove && hook.remove_if.empty()) {
    node.refuse("it does nothing: expected set, delete or delete-if");
  }
  return hook;
}

access::Right right_of(const YamlNode& node) {
  using access::Right;
  static const std::map<std::string, Right> rights{
      {"view-meta", Right::ViewMeta}, {"view-data", Right::ViewData}, {"view-acl", Right::ViewAcl},
      {"edit-meta", Right::EditMeta}, {"edit-data", Right::EditData}, {"edit-acl", Right::EditAcl},
      {"manage", Right::Manage},      {"delete", Right::Delete}};
  std::vector<std::string> names;
  for (const auto& [name, right] : rights) names.push_back(name);
  return rights.at(one_of(node, names));
}

void read_payload(const YamlNode& node, GenericOperation& operation) {
  if (node.has("payload")) {
    const auto payload = node.at("payload");
    if (!payload.is_map()) payload.refuse("a map was expected");
    operation.payload = payload.json();
  }
  if (node.has("payload-from-resource")) {
    for (const auto& [key, value] : node.at("payload-from-resource").entries()) {
      operation.payload_from_resource[key] = path_of(value);
    }
  }
  if (node.has("payload-from-body")) {
    operation.payload_from_body = texts(node.at("payload-from-body"));
  }
}

void read_hooks(const YamlNode& node, GenericOperation& operation) {
  static const std::vector<std::pair<const char*, GenericEnd>> ends{
      {"on-success", GenericEnd::Success},
      {"on-failure", GenericEnd::Failure},
      {"on-cancel", GenericEnd::Cancel},
      {"on-timeout", GenericEnd::Timeout}};
  for (const auto& [key, end] : ends) {
    if (node.has(key)) operation.hooks[end] = hook_of(node.at(key));
  }
}

// What only makes sense when a job is made.
constexpr std::array<const char*, 13> job_keys{"priority",
                                               "execution-mode",
                                               "execution-mode-from",
                                               "payload",
                                               "payload-from-resource",
                                               "payload-from-body",
                                               "reuse",
                                               "bulk",
                                               "edge-from",
                                               "on-success",
                                               "on-failure",
                                               "on-cancel",
                                               "on-timeout"};

void read_job(const YamlNode& node, GenericOperation& operation) {
  if (!node.has("action")) {
    for (const char* key : job_keys) {
      if (node.has(key)) node.at(key).refuse("means nothing without \"action\": no job is made");
    }
    if (operation.set.empty()) node.refuse("it does nothing: expected action or set");
    return;
  }
  const auto action = node.at("action");
  operation.action = action.text();
  if (!is_action(operation.action)) {
    action.refuse("\"" + operation.action +
                  "\" where the name of an action was expected: letters, digits, '-', '_'");
  }
  if (node.has("priority")) {
    const auto priority = node.at("priority").integer();
    if (priority < 0 || priority > least_urgent) {
      node.at("priority").refuse("expected 0 (most urgent) to 999");
    }
    operation.priority = static_cast<int>(priority);
  }
  if (node.has("execution-mode")) {
    operation.execution_mode = one_of(node.at("execution-mode"), {"push", "pull", "mixed"});
  }
  if (node.has("execution-mode-from")) {
    operation.execution_mode_from = node.at("execution-mode-from").text();
  }
  if (node.has("reuse")) operation.reuse = node.at("reuse").boolean();
  if (node.has("bulk")) operation.bulk = node.at("bulk").boolean();
  if (node.has("edge-from")) operation.edge_from = node.at("edge-from").text();
  read_payload(node, operation);
  read_hooks(node, operation);
}

GenericOperation operation_of(const std::string& name, const YamlNode& node) {
  std::vector<std::string> keys{"action", "description", "when", "set", "right"};
  keys.insert(keys.end(), job_keys.begin(), job_keys.end());
  node.expect_keys(keys);
  GenericOperation operation;
  operation.name = name;
  if (!is_name(name, /*digits=*/true) || name.starts_with("bulk-")) {
    node.refuse("\"" + name +
                "\" is no name for an operation: expected lower-case letters, digits and '-', not "
                "beginning with bulk-");
  }
  if (among(reserved_operations, name))
    node.refuse("every resource has a \"" + name + "\" already");
  if (node.has("description")) operation.text = node.at("description").text();
  if (node.has("when")) operation.when = condition_of(node.at("when"));
  if (node.has("set")) operation.set = attribute_map(node.at("set"));
  if (node.has("right")) operation.right = right_of(node.at("right"));
  read_job(node, operation);
  return operation;
}

// Two operations of one action cannot both say what its end does: nobody knows which of them a job
// came from.
void check_hooks(const GenericType& type, const YamlNode& node) {
  std::set<std::pair<std::string, GenericEnd>> seen;
  for (const auto& operation : type.operations) {
    for (const auto& [end, hook] : operation.hooks) {
      if (seen.emplace(operation.action, end).second) continue;
      node.at(operation.name)
          .refuse("another operation says already what the end of " + operation.action + " does");
    }
  }
}

std::vector<std::string> principals(const YamlNode& node) {
  auto list = texts(node);
  for (const auto& one : list) {
    json acl;
    acl["owners"] = json::array({one});
    const auto error = access::acl_error(acl);
    if (!error.empty()) node.refuse(error);
  }
  return list;
}

access::CollectionAcl collection_acl_of(const YamlNode& type) {
  access::CollectionAcl acl;
  acl.query = {std::string(access::user_claim)};
  acl.add = {std::string(access::user_claim)};
  acl.bulk_delete = {std::string(access::admin_claim)};
  acl.bulk_action = {std::string(access::admin_claim)};
  if (!type.has("collection-acl")) return acl;
  const auto node = type.at("collection-acl");
  node.expect_keys({"query", "add", "bulk-delete", "bulk-action"});
  if (node.has("query")) acl.query = principals(node.at("query"));
  if (node.has("add")) acl.add = principals(node.at("add"));
  if (node.has("bulk-delete")) acl.bulk_delete = principals(node.at("bulk-delete"));
  if (node.has("bulk-action")) acl.bulk_action = principals(node.at("bulk-action"));
  return acl;
}

std::optional<json_schema::JsonSchema> schema_of(const YamlNode& type) {
  if (!type.has("schema")) return std::nullopt;
  const auto node = type.at("schema");
  try {
    if (!node.is_scalar()) return json_schema::JsonSchema(node.json());
    // A file beside the one that names it; JSON is YAML, too.
    const auto declared_in = node.where().substr(0, node.where().rfind(':'));
    const auto file = std::filesystem::path(declared_in).parent_path() / node.text();
    return json_schema::JsonSchema(configuration::read_yaml_file(file.string()).json());
  } catch (const json_schema::SchemaError& error) {
    node.refuse(std::string("no JSON Schema of draft 7: ") + error.what());
  }
}

// What is wrong with a value for the attribute; empty also where its own schema cannot be judged
// apart from the rest.
std::string value_error(const json& schema, const std::string& name, const json& value) {
  const auto properties = schema.find("properties");
  if (properties == schema.end() || !properties->contains(name)) return {};
  json alone;
  alone["properties"][name] = (*properties)[name];
  for (const char* key : {"definitions", "$defs"}) {
    if (schema.contains(key)) alone[key] = schema[key];
  }
  json document;
  document[name] = value;
  try {
    const json_schema::JsonSchema judge(std::move(alone));
    return json_schema::text_of(judge.violations(document));
  } catch (const json_schema::SchemaError&) {
    return {};
  }
}

// Attributes that are to be set, below `key`: what the schema forbids would only be noticed by
// users.
void check_values(const GenericType& type, const YamlNode& node, const char* key) {
  if (!type.schema || !type.schema->document().is_object() || !node.has(key)) return;
  for (const auto& [name, value] : node.at(key).entries()) {
    const auto error = value_error(type.schema->document(), name, value.json());
    if (!error.empty()) value.refuse("the schema forbids it: " + error);
  }
}

void check_all_values(const GenericType& type, const YamlNode& node) {
  check_values(type, node, "attributes");
  check_values(type, node, "initial");
  if (!node.has("operations")) return;
  for (const auto& [name, operation] : node.at("operations").entries()) {
    check_values(type, operation, "set");
    for (const char* hook : {"on-success", "on-failure", "on-cancel", "on-timeout"}) {
      if (operation.has(hook)) check_values(type, operation.at(hook), "set");
    }
  }
}

GenericType type_of(const std::string& name, const YamlNode& node) {
  node.expect_keys({"description", "schema", "collection-acl", "acl", "attributes", "initial",
                    "managed", "operations"});
  GenericType type;
  type.name = name;
  type.where = node.where();
  if (!is_name(name, /*digits=*/false)) {
    node.refuse("\"" + name +
                "\" is no name for a resource type: expected lower-case letters and '-'");
  }
  if (among(reserved_types, name)) node.refuse("job-api itself uses the name \"" + name + "\"");
  type.text = node.has("description") ? node.at("description").text()
                                      : "Resources of the kind " + name + ".";
  type.schema = schema_of(node);
  type.collection_acl = collection_acl_of(node);
  type.acl["owners"] = json::array({"active-claim"});
  if (node.has("acl")) type.acl = node.at("acl").json();
  const auto error = access::acl_error(acl_for(type, "user/somebody"));
  if (!error.empty()) node.at("acl").refuse(error);
  if (node.has("attributes")) type.attributes = attribute_map(node.at("attributes"));
  if (node.has("initial")) type.initial = attribute_map(node.at("initial"));
  if (node.has("managed")) type.managed = texts(node.at("managed"));
  if (node.has("operations")) {
    for (const auto& [key, value] : node.at("operations").entries()) {
      type.operations.push_back(operation_of(key, value));
    }
    check_hooks(type, node.at("operations"));
  }
  check_all_values(type, node);
  return type;
}

void read_document(const YamlNode& document, std::vector<GenericType>& types) {
  document.expect_keys({"resources"});
  for (const auto& [name, node] : document.at("resources").entries()) {
    for (const auto& other : types) {
      if (other.name == name) {
        node.refuse("the resource type \"" + name + "\" is declared at " + other.where +
                    " already");
      }
    }
    types.push_back(type_of(name, node));
  }
}

std::vector<std::string> files_of(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const auto extension = it->path().extension();
    if (extension == ".yaml" || extension == ".yml") files.push_back(it->path().string());
  }
  if (error) throw YamlError(path + ": cannot be read: " + error.message());
  if (files.empty()) throw YamlError(path + ": no *.yaml or *.yml in this folder");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

GenericTypes read_generic_types(const std::vector<std::string>& paths) {
  std::vector<GenericType> types;
  for (const auto& path : paths) {
    for (const auto& file : files_of(path)) {
      read_document(configuration::read_yaml_file(file), types);
    }
  }
  return GenericTypes(std::move(types));
}

GenericTypes parse_generic_types(const std::string& text, const std::string& name_for_messages) {
  std::vector<GenericType> types;
  read_document(configuration::parse_yaml(text, name_for_messages), types);
  return GenericTypes(std::move(types));
}

}  // namespace jobengine::api::cimi
