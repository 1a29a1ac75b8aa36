// From an HTTP request to the collection that answers it, and from what went wrong to an error body
// (spec 3.1, 3.6).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api/access/authentication.hpp"
#include "api/access/client_address.hpp"
#include "api/cimi/call_reader.hpp"
#include "api/cimi/collection.hpp"
#include "api/http/request.hpp"
#include "api/http/response.hpp"

namespace jobengine::api::cimi {

struct ServiceOptions {
  std::size_t body_limit = 1024 * 1024;           // also of an unpacked body
  std::size_t bulk_body_limit = 8 * 1024 * 1024;  // of an array of resources to be added
  std::string since;                              // when this installation began
  access::ForwardedFor forwarded_for = access::ForwardedFor::Ignored;
};

// What answers below /api/ without being a collection. Refusals are thrown as CimiError.
using Endpoint = std::function<awaitable<http::Response>(Call)>;

// What answers /api/<collection>/<uuid>/<name> of every collection.
using ResourceEndpoint = std::function<awaitable<http::Response>(Collection&, Call)>;

// Called on any io thread; suspends there.
class Service {
 public:
  // `authentication` must outlive it.
  Service(access::Authentication& authentication, ServiceOptions options);
  // Before the first request. Of a collection only what its description tells is served, so that
  // the description cannot fall behind. An endpoint gets every request for /api/<name>, of any
  // method, and those for /api/<name>/… unless there is a collection of that name.
  void offer(std::unique_ptr<Collection> collection);
  void offer(EndpointDescription description, Endpoint endpoint);
  void offer(std::string name, Endpoint endpoint);
  // Of every collection, whenever it was offered.
  void offer(OperationDescription description, ResourceEndpoint endpoint);
  // Of one collection that was offered before: the methods of one operation.
  void offer(const std::string& collection, std::vector<OperationDescription> methods,
             ResourceEndpoint endpoint);
  // nullptr: there is none of that name.
  Collection* collection(const std::string& name) const;

  // Of all that was offered so far, by name.
  std::vector<Description> descriptions() const;
  std::vector<EndpointDescription> endpoint_descriptions() const;

  awaitable<http::Response> answer(http::Request request);

 private:
  awaitable<http::Response> dispatch(const http::Request& request, http::Route route);
  awaitable<http::Response> ask(Collection& collection, Call call);
  awaitable<http::Response> operate(Collection& collection, Call call);
  http::Response entry_point(const Call& call) const;
  BodyLimits body_limits(const http::Route& route) const;

  access::Authentication& authentication_;
  ServiceOptions options_;
  std::map<std::string, std::unique_ptr<Collection>> collections_;
  std::map<std::string, Description> described_;  // as each collection described itself
  struct Offered {
    EndpointDescription description;
    Endpoint run;
  };
  std::map<std::string, Offered> endpoints_;
  std::map<std::string, ResourceEndpoint> resource_endpoints_;
  std::map<std::string, ResourceEndpoint> own_endpoints_;  // by "<collection>/<operation>"
  std::vector<OperationDescription> resource_operations_;  // of the former
};

}  // namespace jobengine::api::cimi
