#include "api/cimi/openapi.hpp"

#include "api/cimi/openapi_components.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

constexpr const char* as_json = "application/json";
constexpr const char* as_form = "application/x-www-form-urlencoded";

json reference(const std::string& place) {
  json one;
  one["$ref"] = "#/components/" + place;
  return one;
}

json schema_of(const std::string& name) {
  return reference("schemas/" + name);
}

json body_of(json schema, const char* media_type = as_json, bool required = true) {
  json body;
  body["required"] = required;
  body["content"][media_type]["schema"] = std::move(schema);
  return body;
}

json answer(const std::string& text, const json& schema, const std::string& type = as_json) {
  json one;
  one["description"] = text;
  if (!schema.is_null()) one["content"][type]["schema"] = schema;
  return one;
}

json with_header(json one, const char* name) {
  one["headers"][name] = reference(std::string("headers/") + name);
  return one;
}

// What is said of one method on one path.
class Method {
 public:
  Method(const std::string& group, const std::string& id, const std::string& text) {
    said_["operationId"] = id;
    said_["summary"] = text;
    said_["tags"] = json::array({group});
    said_["responses"]["default"] = reference("responses/error");
  }
  Method& refusals(const std::vector<std::pair<const char*, const char*>>& list) {
    for (const auto& [status, name] : list) {
      said_["responses"][status] = reference(std::string("responses/") + name);
    }
    return *this;
  }
  Method& answers(int status, json one) {
    auto& known = said_["responses"][std::to_string(status)];
    if (known.contains("content") && one.contains("content"))
      known["content"].update(one["content"]);
    else
      known = std::move(one);
    return *this;
  }
  Method& body(json one) {
    said_["requestBody"] = std::move(one);
    return *this;
  }
  Method& parameter(json one) {
    said_["parameters"].push_back(std::move(one));
    return *this;
  }
  Method& who(const std::string& text) {
    if (!text.empty()) said_["description"] = "Who may: " + text + ".";
    return *this;
  }
  Method& anonymous() {
    said_["security"] = json::array({json::object()});
    return *this;
  }
  json said() const { return said_; }

 private:
  json said_;
};

std::string principals(const json& acl, const char* right) {
  std::string text;
  for (const auto& one : acl.value(right, json::array())) {
    text += (text.empty() ? "" : ", ") + one.get<std::string>();
  }
  return text.empty() ? "group/nuvla-admin" : text;
}

bool for_everybody(const json& acl, const char* right) {
  return principals(acl, right).find("group/nuvla-anon") != std::string::npos;
}

json property_of(const AttributeDescription& attribute) {
  json property = attribute.schema;
  if (!attribute.text.empty()) property["description"] = attribute.text;
  if (!attribute.fallback.is_null()) property["default"] = attribute.fallback;
  if (attribute.set_by == SetBy::Server) property["readOnly"] = true;
  return property;
}

// As it is answered. Only the id is there for everybody who sees anything, and with any select.
json resource_schema_of(const Description& collection) {
  json schema = {{"type", "object"}, {"description", collection.text}};
  schema["additionalProperties"] = collection.open;
  schema["required"] = json::array({"id"});
  for (const auto& attribute : collection.attributes) {
    schema["properties"][attribute.name] = property_of(attribute);
    if (attribute.mandatory) schema["x-stored"].push_back(attribute.name);
  }
  schema["properties"]["operations"] = schema_of("operations");
  return schema;
}

// What a client sends. What was answered may be sent back.
json sent_schema(const Description& collection) {
  json schema = {{"type", "object"}, {"properties", json::object()}};
  schema["additionalProperties"] = collection.open;
  auto& properties = schema["properties"];
  const json ignored = {{"readOnly", true}, {"description", "Ignored."}};
  for (const auto& attribute : collection.attributes) {
    const bool servers = attribute.set_by == SetBy::Server;
    properties[attribute.name] = servers ? ignored : property_of(attribute);
  }
  properties["operations"] = ignored;
  if (!collection.id_of_client.is_null()) properties["id"] = collection.id_of_client;
  return schema;
}

json add_schema(const Description& collection) {
  if (!collection.add_request.is_null()) return collection.add_request;
  json required = json::array();
  for (const auto& attribute : collection.attributes) {
    if (attribute.needed_on_add) required.push_back(attribute.name);
  }
  auto sent = schema_of(collection.collection + "-sent");
  if (required.empty()) return sent;
  json schema;
  schema["allOf"] = json::array({std::move(sent), {{"required", std::move(required)}}});
  return schema;
}

json collection_schema(const Description& collection) {
  const auto& name = collection.collection;
  json schema = {{"type", "object"}, {"additionalProperties", false}};
  auto& properties = schema["properties"];
  properties["id"] = {{"type", "string"}, {"enum", json::array({name})}};
  properties["resource-type"] = {{"type", "string"}, {"enum", json::array({name + "-collection"})}};
  properties["count"] = {{"type", "integer"},
                         {"minimum", 0},
                         {"description", "All that were found, of which resources is a page."}};
  properties["acl"] = schema_of("collection-acl");
  properties["resources"] = {{"type", "array"}, {"items", schema_of(name)}};
  properties["operations"] = schema_of("operations");
  properties["aggregations"] = {{"type", "object"},
                                {"description", "By <algorithm>:<attribute>, when asked for."}};
  schema["required"] = json::array({"id", "resource-type", "count", "resources"});
  return schema;
}

json added_schema(const Description& collection) {
  if (collection.add_answer.is_null()) return schema_of("added");
  json further = {{"type", "object"}, {"properties", collection.add_answer}};
  json schema;
  schema["allOf"] = json::array({schema_of("added"), std::move(further)});
  return schema;
}

// As it is, or an array of them.
json one_or_many(const json& schema, std::size_t most) {
  const json many = {{"type", "array"}, {"items", schema}, {"minItems", 1}, {"maxItems", most}};
  json either;
  either["oneOf"] = json::array({schema, many});
  return either;
}

json add_method(const Description& collection) {
  const auto& name = collection.collection;
  const auto most = collection.most_added;
  Method add(name, name + ".add",
             most == 0 ? "Adds a resource."
                       : "Adds a resource, or all of an array of them, or, when one is refused, "
                         "none. The answer to an array has one element for each, in their order.");
  auto sent = add_schema(collection);
  auto added = added_schema(collection);
  if (most > 0) sent = one_or_many(sent, most);
  if (most > 0) added = one_or_many(added, most);
  add.body(body_of(std::move(sent)));
  add.answers(201, with_header(answer("It is stored.", added), "Location"));
  add.refusals({{"400", "bad-request"}, {"403", "forbidden"}});
  if (!collection.id_of_client.is_null()) add.refusals({{"409", "conflict"}});
  add.who(principals(collection.acl, "add"));
  if (for_everybody(collection.acl, "add")) add.anonymous();
  return add.said();
}

json collection_path(const Description& collection) {
  const auto& name = collection.collection;
  json path;
  const auto found = answer("A page of what was found.", schema_of(name + "-collection"));
  Method query(name, name + ".query", "Searches the collection.");
  query.answers(200, found).refusals({{"400", "bad-request"}, {"403", "forbidden"}});
  query.who(principals(collection.acl, "query") + "; rows are those one may see");
  if (for_everybody(collection.acl, "query")) query.anonymous();
  Method by_form(query);
  for (const auto& parameter : query_parameters()) query.parameter(parameter);
  path["get"] = query.said();
  path["put"] = by_form.body(body_of(query_form(), as_form, /*required=*/false)).said();
  path["put"]["operationId"] = name + ".search";
  path["put"]["summary"] = "Searches the collection by a form, for filters of any length.";
  if (collection.can_add) path["post"] = add_method(collection);
  if (collection.can_bulk_delete) {
    Method remove(name, name + ".bulk-delete", "Deletes what a filter finds.");
    remove.parameter(reference("parameters/bulk")).parameter(reference("parameters/bulk-filter"));
    remove.answers(200, answer("What was done.", schema_of("bulk-deleted")));
    remove.refusals({{"400", "bad-request"}, {"403", "forbidden"}});
    path["delete"] = remove.who(principals(collection.acl, "bulk-delete")).said();
  }
  return path;
}

json resource_path(const Description& collection) {
  const auto& name = collection.collection;
  const std::vector<std::pair<const char*, const char*>> seen{
      {"400", "bad-request"}, {"403", "forbidden"}, {"404", "not-found"}};
  const std::vector<std::pair<const char*, const char*>> changed{{"409", "conflict"},
                                                                 {"412", "precondition-failed"}};
  json path;
  path["parameters"] = json::array({reference("parameters/uuid")});
  const auto one = with_header(answer("The resource.", schema_of(name)), "ETag");
  Method get(name, name + ".get", "Gives the resource, as far as one may see it.");
  get.parameter(reference("parameters/selected")).answers(200, one).refusals(seen);
  path["get"] = get.who("view-meta right, or any other").said();
  if (collection.can_edit) {
    Method edit(name, name + ".edit",
                "Replaces the top-level attributes that are in the body; what one may not edit is "
                "left as it is.");
    auto body = body_of(schema_of(name + "-sent"));
    if (collection.patchable) {
      body["content"]["application/json-patch+json"]["schema"] = schema_of("json-patch");
    }
    edit.parameter(reference("parameters/removed")).parameter(reference("parameters/if-match"));
    edit.body(std::move(body)).answers(200, one).refusals(seen).refusals(changed);
    path["put"] = edit.who("edit-meta, edit-data or edit-acl right").said();
  }
  if (collection.patchable) {
    Method patch(name, name + ".patch",
                 "Changes the resource by a JSON patch: all of it or nothing.");
    json body;
    body["required"] = true;
    body["content"]["application/json-patch+json"]["schema"] = schema_of("json-patch");
    patch.parameter(reference("parameters/if-match")).body(std::move(body));
    patch.answers(200, one).refusals(seen).refusals(changed);
    path["patch"] = patch.who("edit-meta, edit-data or edit-acl right").said();
  }
  if (!collection.can_delete) return path;
  Method remove(name, name + ".delete", "Deletes the resource.");
  remove.parameter(reference("parameters/if-match"));
  remove.answers(200, answer("It is gone.", schema_of("deleted"))).refusals(seen);
  remove.refusals({{"412", "precondition-failed"}});
  path["delete"] = remove.who("delete right").said();
  return path;
}

json operation_method(const std::string& group, const OperationDescription& operation) {
  const auto& said = operation.name.empty() ? operation.method : operation.name;
  const auto id = group + "." + (operation.id.empty() ? said : operation.id);
  Method method(group, id, operation.text);
  method.refusals({{"400", "bad-request"}, {"403", "forbidden"}, {"404", "not-found"}});
  if (operation.conditional) {
    method.parameter(reference("parameters/if-match"));
    method.refusals({{"412", "precondition-failed"}});
  }
  for (const auto& parameter : operation.parameters) {
    json one = {{"name", parameter.name}, {"in", parameter.in}};
    one["required"] = parameter.required;
    one["schema"] = parameter.schema;
    one["description"] = parameter.text;
    method.parameter(std::move(one));
  }
  if (!operation.request.is_null()) {
    method.body(body_of(operation.request, as_json, operation.request_required));
  }
  for (const auto& given : operation.answers) {
    method.answers(given.status, answer(given.text, given.schema, given.content_type));
  }
  return method.who(operation.who).said();
}

json bulk_action_method(const std::string& group, const OperationDescription& action) {
  auto method = operation_method(group, action);
  method["operationId"] = group + "." + action.name;
  method["parameters"].push_back(reference("parameters/bulk"));
  return method;
}

void add_collection(json& document, const Description& collection) {
  const auto& name = collection.collection;
  auto& paths = document["paths"];
  const std::string base = "/api/" + name;
  paths[base] = collection_path(collection);
  paths[base + "/{uuid}"] = resource_path(collection);
  for (const auto& operation : collection.operations) {
    auto& path = paths[base + "/{uuid}/" + operation.name];
    path["parameters"] = json::array({reference("parameters/uuid")});
    path[operation.method] = operation_method(name, operation);
  }
  for (const auto& action : collection.bulk_actions) {
    paths[base + "/" + action.name]["patch"] = bulk_action_method(name, action);
  }
  auto& schemas = document["components"]["schemas"];
  schemas[name] = resource_schema_of(collection);
  schemas[name + "-collection"] = collection_schema(collection);
  schemas[name + "-sent"] = sent_schema(collection);
  document["tags"].push_back({{"name", name}, {"description", collection.text}});
}

void add_endpoint(json& document, const EndpointDescription& endpoint) {
  for (const auto& method : endpoint.methods) {
    auto path = "/api/" + endpoint.name;
    if (!method.name.empty()) path += "/" + method.name;
    auto said = operation_method(endpoint.name, method);
    if (endpoint.anonymous) said["security"] = json::array({json::object()});
    document["paths"][path][method.method] = std::move(said);
  }
  document["tags"].push_back({{"name", endpoint.name}, {"description", endpoint.text}});
}

EndpointDescription entry_point() {
  EndpointDescription endpoint;
  endpoint.name = "cloud-entry-point";
  endpoint.text = "Where everything begins.";
  endpoint.anonymous = true;
  OperationDescription get;
  get.method = "get";
  get.text = "Gives the collections there are.";
  get.answers = {{200, "The collections.", schema_of("cloud-entry-point")}};
  endpoint.methods = {std::move(get)};
  return endpoint;
}

}  // namespace

json openapi_document(const std::vector<Description>& collections,
                      const std::vector<EndpointDescription>& endpoints,
                      const std::string& version) {
  json document;
  document["openapi"] = "3.0.3";
  document["info"]["title"] = "job-api";
  document["info"]["version"] = version;
  document["info"]["description"] =
      "The resource API of the job engine. HEAD is served wherever GET is, OPTIONS everywhere. An "
      "operation on a resource (/api/<collection>/<uuid>/<operation>) described with POST is run "
      "by "
      "any method.";
  document["info"]["license"] = {{"name", "Apache-2.0"}};
  document["servers"] = json::array({{{"url", "/"}}});
  document["tags"] = json::array();
  document["paths"] = json::object();
  document["components"] = openapi_components();
  document["security"] = json::parse(R"([{"session": []}, {"authn-info": []}])");
  add_endpoint(document, entry_point());
  for (const auto& endpoint : endpoints) add_endpoint(document, endpoint);
  for (const auto& collection : collections) add_collection(document, collection);
  return document;
}

}  // namespace jobengine::api::cimi
