#include "api/cimi/resource_metadata.hpp"

#include <algorithm>

#include "api/access/acl.hpp"
#include "api/access/identity.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

constexpr const char* as_json = "application/json";

// "target resource" of "target-resource".
std::string display_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', ' ');
  return name;
}

// In the words of the format, of a schema.
std::string type_of(const json& schema) {
  const auto type = schema.value("type", std::string());
  if (type == "object") return "map";
  if (type == "string") {
    return schema.value("format", std::string()) == "date-time" ? "date-time" : "string";
  }
  return type.empty() ? "any" : type;
}

// Which values there are; null when the type says it all.
json value_scope(const json& schema, const json& fallback) {
  json scope;
  if (schema.contains("enum")) {
    for (const auto& value : schema["enum"]) {
      if (value.is_string()) scope["values"].push_back(value);
    }
  }
  for (const char* bound : {"minimum", "maximum"}) {
    if (schema.contains(bound)) scope[bound] = schema[bound];
  }
  if (!scope.is_null() && !fallback.is_null()) scope["default"] = fallback;
  return scope;
}

json attribute_of(const std::string& name, const json& schema, const json& fallback);

// What a map or an array is made of; null when anything is.
json child_types(const json& schema) {
  json children;
  if (schema.contains("items") && !schema["items"].empty()) {
    children.push_back(attribute_of("item", schema["items"], nullptr));
  }
  if (schema.contains("properties")) {
    for (const auto& [name, property] : schema["properties"].items()) {
      children.push_back(attribute_of(name, property, nullptr));
    }
  }
  return children;
}

json attribute_of(const std::string& name, const json& schema, const json& fallback) {
  json attribute;
  attribute["name"] = name;
  attribute["type"] = type_of(schema);
  attribute["display-name"] = display_name(name);
  if (schema.contains("description")) attribute["description"] = schema["description"];
  if (schema.contains("required")) attribute["required"] = schema["required"];
  auto scope = value_scope(schema, fallback);
  if (!scope.is_null()) attribute["value-scope"] = std::move(scope);
  auto children = child_types(schema);
  if (!children.is_null()) attribute["child-types"] = std::move(children);
  return attribute;
}

const char* section_of(const std::string& name) {
  if (name == "acl") return "acl";
  return access::is_metadata(name) ? "meta" : "data";
}

json attributes_of(const Description& collection) {
  json list = json::array();
  for (const auto& one : collection.attributes) {
    auto attribute = attribute_of(one.name, one.schema, one.fallback);
    if (!one.text.empty()) attribute["description"] = one.text;
    attribute["order"] = list.size();
    attribute["section"] = section_of(one.name);
    attribute["server-managed"] = one.set_by == SetBy::Server || one.set_by == SetBy::Course;
    attribute["editable"] = one.set_by == SetBy::Client;
    attribute["indexed"] = one.searchable;
    attribute["hidden"] = false;
    attribute["sensitive"] = false;
    list.push_back(std::move(attribute));
  }
  return list;
}

json input_parameters(const json& request) {
  json parameters;
  if (request.is_null() || !request.contains("properties")) return parameters;
  for (const auto& [name, property] : request["properties"].items()) {
    json parameter = {{"name", name}, {"type", type_of(property)}};
    if (property.contains("description")) parameter["description"] = property["description"];
    auto scope = value_scope(property, nullptr);
    if (!scope.is_null()) parameter["value-scope"] = std::move(scope);
    parameters.push_back(std::move(parameter));
  }
  return parameters;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

json actions_of(const Description& collection) {
  json list;
  for (const auto& operation : collection.operations) {
    json action;
    action["name"] = operation.name;
    action["uri"] = operation.name;
    action["method"] = upper(operation.method);
    action["description"] = operation.text;
    action["input-message"] = as_json;
    action["output-message"] =
        operation.answers.empty() ? as_json : operation.answers.front().content_type;
    auto parameters = input_parameters(operation.request);
    if (!parameters.is_null()) action["input-parameters"] = std::move(parameters);
    list.push_back(std::move(action));
  }
  return list;
}

json capability(const char* name, json value, const char* text) {
  json one;
  one["name"] = name;
  one["uri"] = std::string("capability/") + name;
  one["value"] = std::move(value);
  one["description"] = text;
  return one;
}

json capabilities_of(const Description& collection) {
  json list = json::array();
  list.push_back(capability("add", collection.can_add, "Resources can be added."));
  list.push_back(capability("bulk-add", collection.most_added,
                            "So many can be added by one request, as an array; 0: only one."));
  list.push_back(capability("edit", collection.can_edit, "Resources can be edited."));
  list.push_back(capability("delete", collection.can_delete, "Resources can be deleted."));
  list.push_back(capability("json-patch", collection.patchable,
                            "Edits may be JSON patches instead of attributes."));
  list.push_back(capability("bulk-delete", collection.can_bulk_delete,
                            "What a filter finds can be deleted at once."));
  json actions = json::array();
  for (const auto& action : collection.bulk_actions) actions.push_back(action.name);
  list.push_back(capability("bulk-actions", std::move(actions),
                            "What can be done by PATCH with what a filter finds."));
  list.push_back(capability("open", collection.open,
                            "Resources may have attributes that are not listed here."));
  return list;
}

}  // namespace

json resource_metadata(const Description& collection, const std::string& since) {
  json acl;
  acl["owners"] = json::array({access::admin_claim});
  acl["view-acl"] = json::array({access::anonymous_claim});
  json document;
  document["id"] = "resource-metadata/" + collection.collection;
  document["resource-type"] = "resource-metadata";
  document["created"] = since;
  document["updated"] = since;
  document["acl"] = access::normalised_acl(acl);
  document["type-uri"] = collection.collection;
  document["name"] = collection.collection;
  document["description"] = collection.text;
  document["attributes"] = attributes_of(collection);
  for (const auto& attribute : collection.attributes) {
    if (attribute.mandatory) document["required"].push_back(attribute.name);
  }
  auto actions = actions_of(collection);
  if (!actions.is_null()) document["actions"] = std::move(actions);
  document["capabilities"] = capabilities_of(collection);
  return document;
}

}  // namespace jobengine::api::cimi
