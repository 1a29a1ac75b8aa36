#include "api/cimi/self_description.hpp"

#include <map>
#include <memory>

#include "api/access/secrets.hpp"
#include "api/cimi/answers.hpp"
#include "api/cimi/cimi_error.hpp"
#include "api/cimi/openapi.hpp"
#include "api/cimi/resource_metadata.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

// Never changes while the program runs.
struct Page {
  explicit Page(const json& document) : text(json_text(document)) {
    etag = "\"" + access::hex(access::sha256(text)).substr(0, 20) + "\"";
  }
  std::string text;
  std::string etag;
};

// A new version of the program may tell something else: clients ask again, and get 304.
http::Response page_response(const Page& page, const Call& call) {
  http::Response response;
  response.headers.emplace_back("ETag", page.etag);
  response.headers.emplace_back("Cache-Control", "public, no-cache");
  if (call.if_none_match == "*" || call.if_none_match.find(page.etag) != std::string::npos) {
    response.status = 304;
  } else {
    response.body = page.text;
  }
  return response;
}

void expect_get(const Call& call) {
  if (call.method != "GET" && call.method != "HEAD") throw method_not_allowed(call);
}

EndpointDescription of_openapi() {
  EndpointDescription endpoint;
  endpoint.name = "openapi.json";
  endpoint.text = "What the API can do, for machines: this document.";
  endpoint.anonymous = true;
  OperationDescription get;
  get.method = "get";
  get.text = "Gives the OpenAPI description of this server.";
  get.answers = {{200, "An OpenAPI 3 document.", {{"type", "object"}}},
                 {304, "It is the one of If-None-Match.", nullptr}};
  endpoint.methods = {std::move(get)};
  return endpoint;
}

json metadata_schema() {
  return json::parse(R"json({
    "type": "object",
    "properties": {
      "id": {"type": "string"}, "resource-type": {"type": "string", "enum": ["resource-metadata"]},
      "created": {"type": "string", "format": "date-time"},
      "updated": {"type": "string", "format": "date-time"},
      "acl": {"type": "object"}, "type-uri": {"type": "string"}, "name": {"type": "string"},
      "description": {"type": "string"},
      "required": {"type": "array", "items": {"type": "string"}},
      "attributes": {"type": "array", "items": {
        "type": "object",
        "properties": {
          "name": {"type": "string"},
          "type": {"type": "string"},
          "value-scope": {"type": "object"},
          "child-types": {"type": "array", "items": {"type": "object"}}
        },
        "required": ["name", "type"]}},
      "actions": {"type": "array", "items": {
        "type": "object",
        "required": ["name", "uri", "method", "input-message", "output-message"]}},
      "capabilities": {"type": "array", "items": {"type": "object", "required": ["uri", "value"]}}
    },
    "required": ["id", "type-uri", "attributes"], "additionalProperties": false
  })json");
}

json metadata_collection_schema() {
  json schema = {{"type", "object"}};
  schema["properties"]["count"] = {{"type", "integer"}};
  schema["properties"]["resources"] = {{"type", "array"}, {"items", metadata_schema()}};
  schema["required"] = json::array({"id", "count", "resources"});
  return schema;
}

EndpointDescription of_metadata() {
  EndpointDescription endpoint;
  endpoint.name = "resource-metadata";
  endpoint.text = "What the resources of each collection are made of, for making forms of it.";
  endpoint.anonymous = true;
  endpoint.collection = true;
  OperationDescription all;
  all.method = "get";
  all.text = "Gives the descriptions of all collections.";
  all.answers = {{200, "The descriptions.", metadata_collection_schema()},
                 {304, "They are those of If-None-Match.", nullptr}};
  auto by_form = all;
  by_form.method = "put";
  by_form.text = "The same; a form is read and ignored.";
  auto one = all;
  one.name = "{uuid}";
  one.text = "Gives the description of one collection.";
  one.parameters = {{"uuid", "The collection.", {{"type", "string"}}, "path", true}};
  one.answers.front() = {200, "The description.", metadata_schema()};
  endpoint.methods = {std::move(all), std::move(by_form), std::move(one)};
  return endpoint;
}

// The pages of /api/resource-metadata: of one collection by its name, of all by "".
using Pages = std::map<std::string, Page>;

Pages metadata_pages(const std::vector<Description>& collections, const std::string& since) {
  Pages pages;
  json all;
  all["id"] = "resource-metadata";
  all["resource-type"] = "resource-metadata-collection";
  all["acl"]["query"] = json::array({access::anonymous_claim});
  all["count"] = collections.size();
  all["resources"] = json::array();
  for (const auto& collection : collections) {
    const auto document = resource_metadata(collection, since);
    pages.emplace(collection.collection, Page(document));
    all["resources"].push_back(document);
  }
  pages.emplace("", Page(all));
  return pages;
}

http::Response metadata_response(const Pages& pages, const Call& call) {
  const bool search = call.route.uuid.empty() && call.method == "PUT";
  if (!search) expect_get(call);
  if (!call.route.operation.empty()) throw undefined_action(call);
  const auto found = pages.find(call.route.uuid);
  if (found == pages.end()) throw not_found(call.route.resource_id());
  return page_response(found->second, call);
}

}  // namespace

void offer_self_description(Service& service, const std::string& since) {
  auto pages = std::make_shared<const Pages>(metadata_pages(service.descriptions(), since));
  auto metadata = [pages](Call call) -> awaitable<http::Response> {
    co_return metadata_response(*pages, call);
  };
  service.offer(of_metadata(), metadata);
  auto openapi = std::make_shared<std::optional<Page>>();
  auto endpoint = [openapi](Call call) -> awaitable<http::Response> {
    if (!call.route.uuid.empty()) throw CimiError(404, "unknown resource", call.uri);
    expect_get(call);
    co_return page_response(**openapi, call);
  };
  service.offer(of_openapi(), endpoint);
  openapi->emplace(
      openapi_document(service.descriptions(), service.endpoint_descriptions(), JE_VERSION));
}

}  // namespace jobengine::api::cimi
