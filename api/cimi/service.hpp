// From an HTTP request to the collection that answers it, and from what went wrong to an error body
// (spec 3.1, 3.6).
#pragma once

#include <map>
#include <memory>
#include <string>

#include "api/access/authentication.hpp"
#include "api/cimi/collection.hpp"
#include "api/http/request.hpp"
#include "api/http/response.hpp"

namespace jobengine::api::cimi {

struct ServiceOptions {
  std::size_t body_limit = 1024 * 1024;  // also of an unpacked body
  std::string since;                     // when this installation began
};

// Called on any io thread; suspends there.
class Service {
 public:
  // `authentication` must outlive it.
  Service(access::Authentication& authentication, ServiceOptions options);
  // Before the first request.
  void offer(std::unique_ptr<Collection> collection);

  awaitable<http::Response> answer(http::Request request);

 private:
  awaitable<http::Response> dispatch(const http::Request& request, http::Route route);
  awaitable<http::Response> ask(Collection& collection, Call call);
  http::Response entry_point(const Call& call) const;

  access::Authentication& authentication_;
  ServiceOptions options_;
  std::map<std::string, std::unique_ptr<Collection>> collections_;
};

}  // namespace jobengine::api::cimi
