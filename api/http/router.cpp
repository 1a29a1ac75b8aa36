#include "api/http/router.hpp"

#include <optional>

#include "api/http/form.hpp"

namespace jobengine::api::http {
namespace {

constexpr std::string_view base_path = "/api/";

// The segments behind /api/, decoded; a slash at the end is ignored.
std::optional<std::vector<std::string>> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    const auto slash = path.find('/');
    auto segment = percent_decoded(path.substr(0, slash), PlusSign::Itself);
    if (!segment) return std::nullopt;
    segments.push_back(std::move(*segment));
    path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  }
  return segments;
}

Route::Kind of_entry_point(std::string_view method) {
  if (method == "GET" || method == "HEAD") return Route::Kind::CloudEntryPoint;
  return Route::Kind::MethodNotAllowed;
}

Route::Kind of_collection(std::string_view method) {
  if (method == "POST") return Route::Kind::Add;
  if (method == "GET" || method == "HEAD" || method == "PUT") return Route::Kind::Query;
  if (method == "DELETE") return Route::Kind::BulkDelete;
  return Route::Kind::MethodNotAllowed;
}

Route::Kind of_resource(std::string_view method) {
  if (method == "GET" || method == "HEAD") return Route::Kind::Retrieve;
  if (method == "PUT") return Route::Kind::Edit;
  if (method == "DELETE") return Route::Kind::Delete;
  if (method == "PATCH") return Route::Kind::BulkAction;
  return Route::Kind::MethodNotAllowed;
}

}  // namespace

Route route(std::string_view method, std::string_view path) {
  Route result;
  if (method == "OPTIONS") {
    result.kind = Route::Kind::NoContent;
    return result;
  }
  if (!path.starts_with(base_path) || path.size() == base_path.size()) {
    result.kind = Route::Kind::Redirect;
    return result;
  }
  const auto segments = segments_of(path.substr(base_path.size()));
  if (!segments) {
    result.kind = Route::Kind::BadPath;
    return result;
  }
  result.collection = segments->at(0);
  if (segments->size() == 1) {
    result.kind =
        result.collection == "cloud-entry-point" ? of_entry_point(method) : of_collection(method);
  } else if (segments->size() == 2) {
    result.kind = of_resource(method);
    auto& second = result.kind == Route::Kind::BulkAction ? result.operation : result.uuid;
    second = segments->at(1);
  } else if (segments->size() == 3) {
    result.kind = Route::Kind::Operation;
    result.uuid = segments->at(1);
    result.operation = segments->at(2);
  }
  return result;
}

}  // namespace jobengine::api::http
