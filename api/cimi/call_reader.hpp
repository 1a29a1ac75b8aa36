// Reads what a request brings along: parameters, body, sender's wishes. Pure.
#pragma once

#include <cstddef>

#include "api/cimi/call.hpp"
#include "api/http/request.hpp"

namespace jobengine::api::cimi {

// `who` stays to be filled. Throws CimiError for a query string, form or content coding that cannot
// be read, and MalformedJson.
Call read_call(const http::Request& request, http::Route route, std::size_t body_limit);

// Answered in plain text, as the original does.
struct MalformedJson {
  static constexpr const char* text = "Malformed JSON in request body.";
};

}  // namespace jobengine::api::cimi
