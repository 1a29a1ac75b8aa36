#include "api/cimi/openapi_components.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

json schemas() {
  return json::parse(R"json({
    "id": {"type": "string", "pattern": "^[a-z]([a-z-]*[a-z])?(/[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?)?$"},
    "operations": {
      "description": "What may be done, and where; missing when there is nothing.",
      "type": "array",
      "items": {
        "type": "object",
        "properties": {
          "rel": {"type": "string", "description": "The operation's name."},
          "href": {"type": "string", "description": "Where, below the base-uri."}
        },
        "required": ["rel", "href"], "additionalProperties": false
      }
    },
    "error": {
      "type": "object",
      "properties": {
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "message": {"type": "string", "description": "What was wrong, where, and what was expected."},
        "resource-id": {"type": "string", "description": "What it is about, where that is known."},
        "element": {"type": "integer", "minimum": 0, "description": "Of the array that was sent, where it is about one of its elements."}
      },
      "required": ["status", "message"], "additionalProperties": false
    },
    "added": {
      "type": "object",
      "properties": {
        "status": {"type": "integer", "enum": [201]},
        "message": {"type": "string"},
        "resource-id": {"$ref": "#/components/schemas/id"}
      },
      "required": ["status", "message", "resource-id"]
    },
    "deleted": {
      "type": "object",
      "properties": {
        "status": {"type": "integer", "enum": [200]},
        "message": {"type": "string"},
        "resource-id": {"$ref": "#/components/schemas/id"}
      },
      "required": ["status", "message", "resource-id"], "additionalProperties": false
    },
    "accepted": {
      "description": "A job was made that does it.",
      "type": "object",
      "properties": {
        "status": {"type": "integer", "enum": [202]},
        "message": {"type": "string"},
        "resource-id": {"$ref": "#/components/schemas/id"},
        "location": {"type": "string", "pattern": "^job/", "description": "The job."}
      },
      "required": ["status", "message", "location"], "additionalProperties": false
    },
    "bulk-deleted": {
      "type": "object",
      "properties": {
        "took": {"type": "integer", "minimum": 0, "description": "Milliseconds."},
        "timed_out": {"type": "boolean"},
        "total": {"type": "integer", "minimum": 0, "description": "Found."},
        "deleted": {"type": "integer", "minimum": 0},
        "batches": {"type": "integer", "minimum": 0},
        "version_conflicts": {"type": "integer"},
        "noops": {"type": "integer"},
        "retries": {"type": "object", "properties": {
          "bulk": {"type": "integer"}, "search": {"type": "integer"}}},
        "throttled_millis": {"type": "integer"},
        "throttled_until_millis": {"type": "integer"},
        "requests_per_second": {"type": "number"},
        "failures": {"type": "array", "items": {"type": "object"}}
      },
      "required": ["took", "timed_out", "total", "deleted", "failures"]
    },
    "collection-acl": {
      "description": "Who may do what with the collection, by right.",
      "type": "object",
      "additionalProperties": {"type": "array", "items": {"type": "string"}}
    },
    "json-patch": {
      "description": "Changes one by one, as RFC 6902 has them.",
      "type": "array",
      "items": {
        "type": "object",
        "properties": {
          "op": {"type": "string", "enum": ["add", "remove", "replace", "move", "copy", "test"]},
          "path": {"type": "string"}, "from": {"type": "string"}, "value": {}
        },
        "required": ["op", "path"]
      }
    },
    "cloud-entry-point": {
      "type": "object",
      "properties": {
        "id": {"type": "string", "enum": ["cloud-entry-point"]},
        "resource-type": {"type": "string", "enum": ["cloud-entry-point"]},
        "created": {"type": "string", "format": "date-time"},
        "updated": {"type": "string", "format": "date-time"},
        "acl": {"type": "object"},
        "base-uri": {"type": "string", "description": "What every href is relative to."},
        "collections": {
          "type": "object",
          "additionalProperties": {
            "type": "object",
            "properties": {"href": {"type": "string"}},
            "required": ["href"]
          }
        },
        "operations": {"$ref": "#/components/schemas/operations"}
      },
      "required": ["id", "resource-type", "base-uri", "collections"], "additionalProperties": false
    }
  })json");
}

json parameters() {
  return json::parse(R"json({
    "uuid": {"name": "uuid", "in": "path", "required": true, "schema": {"type": "string"},
      "description": "The part of the id behind the '/'."},
    "selected": {"name": "select", "in": "query", "schema": {"type": "string"},
      "example": "state,progress",
      "description": "Top-level attributes to be answered, beside the id. Comma-separated, repeatable."},
    "removed": {"name": "select", "in": "query", "schema": {"type": "string"},
      "description": "Top-level attributes to be removed before the body is merged. Comma-separated, repeatable."},
    "if-match": {"name": "If-Match", "in": "header", "schema": {"type": "string"}, "example": "\"17\"",
      "description": "An ETag seen before: when it is not the resource's any more, nothing is done and the answer is 412."},
    "bulk": {"name": "bulk", "in": "header", "required": true, "schema": {"type": "string"}, "example": "yes",
      "description": "Must be there, with any value: says that many resources are meant."},
    "bulk-filter": {"name": "filter", "in": "query", "required": true, "schema": {"type": "string"},
      "example": "state='SUCCESS'", "description": "Which resources are meant; may be in a form instead."}
  })json");
}

json refusal(const char* text) {
  json answer;
  answer["description"] = text;
  answer["content"]["application/json"]["schema"]["$ref"] = "#/components/schemas/error";
  return answer;
}

json responses() {
  json answers;
  answers["bad-request"] = refusal(
      "Something in the request is wrong; the message says what, where, and what was expected. "
      "Malformed JSON is answered in plain text.");
  answers["bad-request"]["content"]["text/plain"]["schema"]["type"] = "string";
  answers["forbidden"] = refusal("The sender may not do this, or not now.");
  answers["not-found"] = refusal("There is no such resource.");
  answers["conflict"] =
      refusal("The resource is in a state that does not allow it, or the name is taken.");
  answers["precondition-failed"] =
      refusal("The resource has changed: its ETag is not the one of If-Match.");
  answers["error"] = refusal(
      "Refused: 405 a method that is not served here, 413 too large, 415 neither JSON nor a form, "
      "429 too often, 503 the store cannot write or too many wait, 507 it has no room (both with "
      "Retry-After), 504 a write takes too long and may still take effect.");
  return answers;
}

json security_schemes() {
  return json::parse(R"json({
    "session": {"type": "apiKey", "in": "cookie", "name": "com.com.sixsq.nuvla.cookie",
      "description": "Set by POST /api/session."},
    "authn-info": {"type": "apiKey", "in": "header", "name": "nuvla-authn-info",
      "description": "User, active claim, further claims, blanks between. Only of a server started with --trust-authn-header, behind a proxy that removes it from outside requests."}
  })json");
}

}  // namespace

json openapi_components() {
  json components;
  components["schemas"] = schemas();
  components["parameters"] = parameters();
  components["responses"] = responses();
  components["securitySchemes"] = security_schemes();
  components["headers"]["ETag"] = json::parse(R"json({"schema": {"type": "string"},
    "description": "Of this revision of the resource, for If-Match."})json");
  components["headers"]["Location"] = json::parse(R"json({"schema": {"type": "string"},
    "description": "The id of what was made."})json");
  return components;
}

json query_parameters() {
  json list = json::array();
  const auto form = query_form();
  for (const auto& [name, property] : form["properties"].items()) {
    json parameter = {{"name", name}, {"in", "query"}};
    parameter["schema"] = property;
    parameter["description"] = property["description"];
    parameter["schema"].erase("description");
    list.push_back(std::move(parameter));
  }
  return list;
}

json query_form() {
  return json::parse(R"json({
    "type": "object",
    "properties": {
      "filter": {"type": "array", "items": {"type": "string"},
        "description": "What rows must be like; of several filters all must hold. state='QUEUED' and created>'now-1h'"},
      "first": {"type": "integer", "minimum": 1, "default": 1, "description": "The first row to be answered, from 1."},
      "last": {"type": "integer", "minimum": 0, "maximum": 10000,
        "description": "The last row to be answered; 0: none, only the count."},
      "orderby": {"type": "array", "items": {"type": "string"},
        "description": "<attribute>[:asc|:desc], nested attributes with '/'; at most 32. Comma-separated, repeatable."},
      "select": {"type": "array", "items": {"type": "string"},
        "description": "Top-level attributes of each row, beside the id. Comma-separated, repeatable."},
      "aggregation": {"type": "array", "items": {"type": "string"},
        "description": "<algorithm>:<attribute>, computed over all matches: min, max, sum, avg, stats, extendedstats, value_count, percentiles, cardinality, missing, terms."},
      "timeout": {"type": "integer", "minimum": 1,
        "description": "Milliseconds after which the search is given up, with 400."}
    }
  })json");
}

}  // namespace jobengine::api::cimi
