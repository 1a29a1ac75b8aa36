// Reads what a request brings along: parameters, body, sender's wishes. Pure.
#pragma once

#include <cstddef>

#include "api/cimi/call.hpp"
#include "api/http/request.hpp"

namespace jobengine::api::cimi {

struct BodyLimits {
  std::size_t one = 0;  // also of an unpacked body
  // Of a JSON array, where many resources can be added at once; 0: they cannot.
  std::size_t many = 0;
};

// `who` stays to be filled. Throws CimiError for a query string, form or content coding that cannot
// be read and for a body that is too large, and MalformedJson.
Call read_call(const http::Request& request, http::Route route, const BodyLimits& limits);

// Answered in plain text, as the original does.
struct MalformedJson {
  static constexpr const char* text = "Malformed JSON in request body.";
};

}  // namespace jobengine::api::cimi
