#include "api/cimi/answers.hpp"

#include "api/cimi/cimi_error.hpp"
#include "api/notation/notation.hpp"

namespace jobengine::api::cimi {

using nlohmann::json;

std::string json_text(const json& document) {
  return notation::written_in_ascii(document);
}

http::Response document_response(const json& document) {
  http::Response response;
  response.body = json_text(document);
  return response;
}

http::Response document_response(const json& document, const std::string& name,
                                 const std::string& value) {
  auto response = document_response(document);
  auto& body = response.body;
  body.pop_back();  // the brace
  body.reserve(body.size() + name.size() + value.size() + 5);
  if (!document.empty()) body += ',';
  body.append("\"").append(name).append("\":").append(value).append("}");
  return response;
}

http::Response document_response(const json& document, std::int64_t revision) {
  return text_response(json_text(document), revision);
}

http::Response text_response(std::string document, std::int64_t revision) {
  http::Response response;
  response.body = std::move(document);
  response.headers.emplace_back("ETag", etag_of(revision));
  return response;
}

http::Response created_response(const std::string& id) {
  json body;
  body["status"] = 201;
  body["message"] = id + " created";
  body["resource-id"] = id;
  auto response = document_response(body);
  response.status = 201;
  response.headers.emplace_back("Location", id);
  return response;
}

http::Response deleted_response(const std::string& id) {
  json body;
  body["status"] = 200;
  body["message"] = id + " deleted";
  body["resource-id"] = id;
  return document_response(body);
}

std::string etag_of(std::int64_t revision) {
  return "\"" + std::to_string(revision) + "\"";
}

bool etag_matches(const std::string& if_match, std::int64_t revision) {
  const std::string current = etag_of(revision);
  std::size_t at = 0;
  while (at < if_match.size()) {
    const auto begin = if_match.find_first_not_of(" \t,", at);
    if (begin == std::string::npos) break;
    auto end = if_match.find_first_of(" \t,", begin);
    if (end == std::string::npos) end = if_match.size();
    const auto tag = if_match.substr(begin, end - begin);
    if (tag == "*" || tag == current) return true;
    at = end;
  }
  return false;
}

CimiError not_found(const std::string& id) {
  return {404, id + " not found", id};
}

CimiError forbidden(const std::string& id) {
  return {403, "invalid credentials for '" + id + "'", id};
}

CimiError credentials_required() {
  return {403, "credentials required"};
}

CimiError too_many_attempts(std::chrono::seconds wait) {
  CimiError error(429, "too many failed logins, try again in " + std::to_string(wait.count()) +
                           (wait.count() == 1 ? " second" : " seconds"));
  error.retry_after = wait;
  return error;
}

CimiError bad_request(const std::string& message, const std::string& id) {
  return {400, message, id};
}

http::Response error_response(const CimiError& error) {
  json body;
  body["status"] = error.status;
  body["message"] = error.what();
  if (!error.resource_id.empty()) body["resource-id"] = error.resource_id;
  if (error.element) body["element"] = *error.element;
  auto response = document_response(body);
  response.status = error.status;
  if (error.retry_after.count() > 0) {
    response.headers.emplace_back("Retry-After", std::to_string(error.retry_after.count()));
  }
  return response;
}

}  // namespace jobengine::api::cimi
