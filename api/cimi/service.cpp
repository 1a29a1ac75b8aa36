#include "api/cimi/service.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "api/cimi/answers.hpp"
#include "api/cimi/cimi_error.hpp"
#include "api/cimi/cloud_entry_point.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api::cimi {
namespace {

using Kind = http::Route::Kind;

http::Response redirect() {
  http::Response response;
  response.status = 302;
  response.headers.emplace_back("Location", "/api/cloud-entry-point");
  return response;
}

http::Response no_content() {
  http::Response response;
  response.status = 204;
  response.headers.emplace_back("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  return response;
}

http::Response malformed_json() {
  http::Response response;
  response.status = 400;
  response.content_type = "text/plain; charset=utf-8";
  response.body = MalformedJson::text;
  return response;
}

http::Response unavailable(int status, const std::string& message) {
  auto response = error_response(CimiError(status, message));
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

int status_of(store::StoreUnavailable::Cause cause) {
  using Cause = store::StoreUnavailable::Cause;
  switch (cause) {
    case Cause::Full:
      return 507;
    case Cause::Unknown:
      return 504;
    case Cause::ReadOnly:
    case Cause::Failing:
    case Cause::Busy:
      break;
  }
  return 503;
}

bool among(const std::vector<OperationDescription>& operations, const std::string& name) {
  return std::any_of(operations.begin(), operations.end(),
                     [&](const OperationDescription& one) { return one.name == name; });
}

// Throws CimiError 404 or 405 for what the collection does not tell of. Where resources can be
// patched, what is no bulk action is the name of one.
void expect_described(const Description& collection, const Call& call) {
  const auto kind = call.route.kind;
  const bool refused = (kind == Kind::Add && !collection.can_add) ||
                       (kind == Kind::Edit && !collection.can_edit) ||
                       (kind == Kind::Delete && !collection.can_delete) ||
                       (kind == Kind::BulkDelete && !collection.can_bulk_delete);
  if (refused) throw method_not_allowed(call);
  const auto& name = call.route.operation;
  const bool unknown =
      (kind == Kind::Operation && !among(collection.operations, name)) ||
      (kind == Kind::BulkAction && !collection.patchable && !among(collection.bulk_actions, name));
  if (unknown) throw undefined_action(call);
}

// Why a client was refused, for whoever looks for it. The query may be long and is left out.
void log_refusal(const http::Request& request, const http::Response& response) {
  constexpr std::size_t longest = 300;
  telemetry::debug("a request was refused", {{"method", request.method},
                                             {"path", request.path().substr(0, longest)},
                                             {"status", response.status},
                                             {"error", response.body.substr(0, longest)}});
}

}  // namespace

Service::Service(access::Authentication& authentication, ServiceOptions options)
    : authentication_(authentication), options_(std::move(options)) {}

void Service::offer(std::unique_ptr<Collection> collection) {
  const auto name = collection->name();
  auto& described = described_[name];
  described = collection->description();
  for (const auto& operation : resource_operations_) described.operations.push_back(operation);
  collections_[name] = std::move(collection);
}

void Service::offer(EndpointDescription description, Endpoint endpoint) {
  const auto name = description.name;
  endpoints_[name] = {std::move(description), std::move(endpoint)};
}

void Service::offer(std::string name, Endpoint endpoint) {
  EndpointDescription description;
  description.name = std::move(name);
  OperationDescription get;
  get.method = "get";
  description.methods = {std::move(get)};
  offer(std::move(description), std::move(endpoint));
}

std::vector<Description> Service::descriptions() const {
  std::vector<Description> list;
  for (const auto& [name, description] : described_) list.push_back(description);
  return list;
}

std::vector<EndpointDescription> Service::endpoint_descriptions() const {
  std::vector<EndpointDescription> list;
  for (const auto& [name, offered] : endpoints_) list.push_back(offered.description);
  return list;
}

void Service::offer(OperationDescription description, ResourceEndpoint endpoint) {
  resource_endpoints_[description.name] = std::move(endpoint);
  for (auto& [name, collection] : described_) collection.operations.push_back(description);
  resource_operations_.push_back(std::move(description));
}

void Service::offer(const std::string& collection, std::vector<OperationDescription> methods,
                    ResourceEndpoint endpoint) {
  own_endpoints_[collection + "/" + methods.front().name] = std::move(endpoint);
  auto& operations = described_.at(collection).operations;
  for (auto& method : methods) operations.push_back(std::move(method));
}

Collection* Service::collection(const std::string& name) const {
  const auto found = collections_.find(name);
  return found == collections_.end() ? nullptr : found->second.get();
}

awaitable<http::Response> Service::answer(http::Request request) {
  auto route = http::route(request.method, request.path());
  if (route.kind == Kind::Redirect) co_return redirect();
  if (route.kind == Kind::NoContent) co_return no_content();
  http::Response response;
  try {
    response = co_await dispatch(request, std::move(route));
  } catch (const CimiError& error) {
    response = error.status == 503 ? unavailable(503, error.what()) : error_response(error);
  } catch (const MalformedJson&) {
    response = malformed_json();
  } catch (const filter::FilterError& error) {
    response = error_response(bad_request(error.what()));
  } catch (const store::StoreUnavailable& error) {
    response = unavailable(status_of(error.cause), error.what());
  }
  if (response.status >= 400) log_refusal(request, response);
  co_return response;
}

awaitable<http::Response> Service::dispatch(const http::Request& request, http::Route route) {
  const std::string uri(request.path());
  if (route.kind == Kind::BadPath) throw bad_request("the path is not percent-encoded correctly");
  if (route.kind == Kind::UnknownResource) throw CimiError(404, "unknown resource", uri);
  const auto limits = body_limits(route);
  Call call = read_call(request, std::move(route), limits);
  call.client = access::client_address(request, options_.forwarded_for);
  if (call.route.kind == Kind::CloudEntryPoint) co_return entry_point(call);
  const auto endpoint = endpoints_.find(call.route.collection);
  const auto collection = collections_.find(call.route.collection);
  const bool below = !call.route.uuid.empty() || !call.route.operation.empty();
  if (endpoint != endpoints_.end() && (!below || collection == collections_.end())) {
    call.who = co_await authentication_.identify(request);
    auto answer = endpoint->second.run(std::move(call));
    co_return co_await std::move(answer);
  }
  if (collection == collections_.end() || call.route.kind == Kind::MethodNotAllowed) {
    throw method_not_allowed(call);
  }
  call.who = co_await authentication_.identify(request);
  auto answer = ask(*collection->second, std::move(call));
  co_return co_await std::move(answer);
}

awaitable<http::Response> Service::ask(Collection& collection, Call call) {
  expect_described(described_.at(collection.name()), call);
  switch (call.route.kind) {
    case Kind::Add:
      return collection.add(std::move(call));
    case Kind::Query:
      return collection.query(std::move(call));
    case Kind::BulkDelete:
      return collection.bulk_remove(std::move(call));
    case Kind::Retrieve:
      return collection.retrieve(std::move(call));
    case Kind::Edit:
      return collection.edit(std::move(call));
    case Kind::Delete:
      return collection.remove(std::move(call));
    case Kind::Operation:
      return operate(collection, std::move(call));
    case Kind::BulkAction:
      return collection.bulk_action(std::move(call));
    case Kind::Redirect:
    case Kind::NoContent:
    case Kind::CloudEntryPoint:
    case Kind::MethodNotAllowed:
    case Kind::UnknownResource:
    case Kind::BadPath:
      break;
  }
  throw method_not_allowed(call);
}

awaitable<http::Response> Service::operate(Collection& collection, Call call) {
  const auto own = own_endpoints_.find(collection.name() + "/" + call.route.operation);
  if (own != own_endpoints_.end()) return own->second(collection, std::move(call));
  const auto endpoint = resource_endpoints_.find(call.route.operation);
  if (endpoint != resource_endpoints_.end()) return endpoint->second(collection, std::move(call));
  return collection.operate(std::move(call));
}

BodyLimits Service::body_limits(const http::Route& route) const {
  BodyLimits limits;
  limits.one = options_.body_limit;
  const auto found = described_.find(route.collection);
  const bool many =
      route.kind == Kind::Add && found != described_.end() && found->second.most_added > 0;
  if (many) limits.many = std::max(options_.body_limit, options_.bulk_body_limit);
  return limits;
}

http::Response Service::entry_point(const Call& call) const {
  std::vector<std::string> names;
  for (const auto& [name, collection] : collections_) names.push_back(name);
  for (const auto& [name, offered] : endpoints_) {
    if (offered.description.collection) names.push_back(name);
  }
  return document_response(cloud_entry_point(names, call.base_uri, options_.since));
}

}  // namespace jobengine::api::cimi
