#include "api/http/router.hpp"

#include <catch2/catch.hpp>

namespace jobengine::api::http {
namespace {

using Kind = Route::Kind;

TEST_CASE("router: a path that is not below /api/ leads to the cloud entry point", "[api]") {
  for (const char* path : {"/", "", "/api", "/api/", "/index.html", "/apis/job"}) {
    CHECK(route("GET", path).kind == Kind::Redirect);
  }
}

TEST_CASE("router: OPTIONS on anything has no content", "[api]") {
  CHECK(route("OPTIONS", "/api/job").kind == Kind::NoContent);
  CHECK(route("OPTIONS", "/somewhere").kind == Kind::NoContent);
}

TEST_CASE("router: a collection is added to, queried by GET and PUT, and deleted in bulk",
          "[api]") {
  CHECK(route("POST", "/api/job").kind == Kind::Add);
  CHECK(route("GET", "/api/job").kind == Kind::Query);
  CHECK(route("PUT", "/api/job").kind == Kind::Query);
  CHECK(route("DELETE", "/api/job").kind == Kind::BulkDelete);
  CHECK(route("PATCH", "/api/job").kind == Kind::MethodNotAllowed);
  CHECK(route("GET", "/api/job/").kind == Kind::Query);
  CHECK(route("GET", "/api/job").collection == "job");
}

TEST_CASE("router: a resource is retrieved, edited and deleted", "[api]") {
  CHECK(route("GET", "/api/job/1").kind == Kind::Retrieve);
  CHECK(route("HEAD", "/api/job/1").kind == Kind::Retrieve);
  CHECK(route("PUT", "/api/job/1").kind == Kind::Edit);
  CHECK(route("DELETE", "/api/job/1").kind == Kind::Delete);
  CHECK(route("POST", "/api/job/1").kind == Kind::MethodNotAllowed);
  CHECK(route("GET", "/api/job/1").resource_id() == "job/1");
}

TEST_CASE("router: PATCH behind a collection is a bulk action", "[api]") {
  const auto found = route("PATCH", "/api/job/bulk-stop");
  CHECK(found.kind == Kind::BulkAction);
  CHECK(found.operation == "bulk-stop");
  CHECK(found.uuid.empty());
}

TEST_CASE("router: any method runs an operation", "[api]") {
  for (const char* method : {"GET", "POST", "PUT", "DELETE"}) {
    const auto found = route(method, "/api/job/1/cancel");
    CHECK(found.kind == Kind::Operation);
    CHECK(found.resource_id() == "job/1");
    CHECK(found.operation == "cancel");
  }
}

TEST_CASE("router: more than three segments are an unknown resource", "[api]") {
  CHECK(route("GET", "/api/job/1/cancel/now").kind == Kind::UnknownResource);
}

TEST_CASE("router: the cloud entry point can be retrieved only", "[api]") {
  CHECK(route("GET", "/api/cloud-entry-point").kind == Kind::CloudEntryPoint);
  CHECK(route("DELETE", "/api/cloud-entry-point").kind == Kind::MethodNotAllowed);
}

TEST_CASE("router: percent-encoding in a path is decoded, or refused", "[api]") {
  CHECK(route("GET", "/api/job/a%2Db").uuid == "a-b");
  CHECK(route("GET", "/api/job/a+b").uuid == "a+b");
  CHECK(route("GET", "/api/job/a%2").kind == Kind::BadPath);
  CHECK(route("GET", "/api/job/%FF").kind == Kind::BadPath);
}

}  // namespace
}  // namespace jobengine::api::http
