// Which collection, resource and operation a method and a path mean (spec 3.1). Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace jobengine::api::http {

struct Route {
  enum class Kind {
    Redirect,         // to the cloud-entry-point: not below /api/
    NoContent,        // OPTIONS
    CloudEntryPoint,  // retrieve it
    Add,
    Query,  // GET or PUT on a collection
    BulkDelete,
    BulkAction,  // PATCH /api/<collection>/<action>
    Retrieve,
    Edit,
    Delete,
    Operation,  // any method on /api/<collection>/<id>/<operation>
    MethodNotAllowed,
    UnknownResource,  // more than three segments
    BadPath,          // percent-encoding that means nothing
  };
  Kind kind = Kind::UnknownResource;
  std::string collection;  // "job"
  std::string uuid;        // "" for the collection itself
  std::string operation;   // "cancel"; of a BulkAction: the action

  // "job/<uuid>", or the collection.
  std::string resource_id() const { return uuid.empty() ? collection : collection + "/" + uuid; }
};

Route route(std::string_view method, std::string_view path);

}  // namespace jobengine::api::http
