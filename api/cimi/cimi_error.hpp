// A request refused, in the words of the protocol (spec 3.6).
#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include "api/http/response.hpp"

namespace jobengine::api::cimi {

class CimiError : public std::runtime_error {
 public:
  CimiError(int http_status, const std::string& message, std::string about = {})
      : std::runtime_error(message), status(http_status), resource_id(std::move(about)) {}

  int status;
  std::string resource_id;              // "" when none is known
  std::chrono::seconds retry_after{0};  // sent as Retry-After unless it is 0
  // Which element of the array that was sent it is about, from 0.
  std::optional<std::size_t> element;
};

CimiError not_found(const std::string& id);
CimiError forbidden(const std::string& id);
CimiError credentials_required();
// 429: who has failed to log in too often may try again after that time.
CimiError too_many_attempts(std::chrono::seconds wait);
CimiError bad_request(const std::string& message, const std::string& id = {});

// {"status":…,"message":…,"resource-id":…,"element":…}
http::Response error_response(const CimiError& error);

}  // namespace jobengine::api::cimi
