// What a declared resource type tells about itself, for /api/openapi.json and resource-metadata.
#include <algorithm>
#include <set>

#include "api/cimi/generic_collection.hpp"
#include "api/cimi/generic_document.hpp"
#include "api/cimi/schema.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

// OpenAPI 3.0 knows a part of JSON Schema.
bool is_open_api(const json& schema) {
  static const std::set<std::string> known{"type",          "enum",        "multipleOf",
                                           "maximum",       "minimum",     "maxLength",
                                           "minLength",     "pattern",     "items",
                                           "maxItems",      "minItems",    "uniqueItems",
                                           "properties",    "description", "required",
                                           "maxProperties", "title",       "minProperties",
                                           "format",        "default",     "additionalProperties"};
  if (!schema.is_object()) return false;
  for (const auto& [key, value] : schema.items()) {
    if (!known.contains(key)) return false;
    if (key == "type" && (!value.is_string() || value == "null")) return false;
    if (key == "items" && !is_open_api(value)) return false;
    if (key == "additionalProperties" && !value.is_boolean() && !is_open_api(value)) return false;
    if (key == "properties" && !std::all_of(value.begin(), value.end(), is_open_api)) return false;
  }
  return !(schema.value("type", "") == "array" && !schema.contains("items"));
}

std::vector<AttributeDescription> own_attributes(const GenericType& type) {
  std::vector<AttributeDescription> attributes;
  if (!type.schema) return attributes;
  const auto& document = type.schema->document();
  if (!document.is_object() || !document.contains("properties")) return attributes;
  const auto required = document.value("required", json::array());
  for (const auto& [name, schema] : document["properties"].items()) {
    AttributeDescription attribute;
    attribute.name = name;
    attribute.schema = is_open_api(schema) ? schema : json::object();
    if (schema.is_object()) attribute.text = schema.value("description", "");
    const bool managed =
        std::find(type.managed.begin(), type.managed.end(), name) != type.managed.end();
    attribute.set_by = managed ? SetBy::Course : SetBy::Client;
    const bool there = type.attributes.contains(name) || type.initial.contains(name);
    attribute.mandatory = std::find(required.begin(), required.end(), json(name)) != required.end();
    if (there) {
      attribute.fallback = type.initial.contains(name) ? type.initial[name] : type.attributes[name];
    }
    attributes.push_back(std::move(attribute));
  }
  return attributes;
}

json answer_schema() {
  json schema;
  schema["type"] = "object";
  for (const char* name : {"message", "resource-id", "location"}) {
    schema["properties"][name]["type"] = "string";
  }
  schema["properties"]["status"]["type"] = "integer";
  return schema;
}

OperationDescription operation_description(const GenericType& type,
                                           const GenericOperation& operation) {
  OperationDescription described;
  described.name = operation.name;
  described.conditional = true;
  described.who = "whoever has the right to";
  if (operation.when) described.who += ", while " + operation.when->text;
  if (operation.action.empty()) {
    described.text = operation.text.empty() ? "Changes the resource." : operation.text;
    described.answers = {{200, "The resource as it is now.", resource_schema(type.name)}};
    return described;
  }
  described.text =
      operation.text.empty() ? "Starts a job " + operation.action + "." : operation.text;
  described.request["type"] = "object";
  auto& properties = described.request["properties"];
  for (const auto& key : operation.payload_from_body) properties[key] = json::object();
  properties["low-priority"]["type"] = "boolean";
  properties["parent-job"]["type"] = "string";
  described.answers = {{202, "The job that was started is in Location.", answer_schema()}};
  return described;
}

OperationDescription bulk_description(const std::string& name, const GenericOperation* operation) {
  OperationDescription described;
  described.name = name;
  described.method = "patch";
  described.who = "as the collection's acl says";
  described.request["type"] = "object";
  described.request["required"] = json::array({"filter"});
  described.request["properties"]["filter"]["type"] = "string";
  described.request_required = true;
  if (operation != nullptr) {
    described.text =
        "Starts a job that does " + operation->name + " to every resource the filter finds.";
    described.answers = {{202, "The job that was started is in Location.", answer_schema()}};
    return described;
  }
  described.text = "Changes the tags of every resource the filter finds and the caller may edit.";
  auto& doc = described.request["properties"]["doc"];
  doc["type"] = "object";
  doc["properties"]["tags"] = {{"type", "array"}, {"items", {{"type", "string"}}}};
  described.request["required"].push_back("doc");
  json summary;
  summary["type"] = "object";
  described.answers = {{200, "How many were found and updated.", summary}};
  return described;
}

}  // namespace

Description GenericCollection::description() const {
  auto description = Collection::description();
  description.text = type_.text;
  description.patchable = true;
  description.open = true;
  const auto own = own_attributes(type_);
  for (const auto& attribute : own) {
    std::erase_if(description.attributes,
                  [&](const auto& one) { return one.name == attribute.name; });
  }
  description.attributes.insert(description.attributes.end(), own.begin(), own.end());
  for (const auto& operation : type_.operations) {
    description.operations.push_back(operation_description(type_, operation));
  }
  for (const auto& name : bulk_actions()) {
    const auto* operation = name.starts_with("bulk-") ? type_.operation(name.substr(5)) : nullptr;
    description.bulk_actions.push_back(bulk_description(name, operation));
  }
  return description;
}

}  // namespace jobengine::api::cimi
