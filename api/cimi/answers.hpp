// The bodies of successful answers (spec 3.6). Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "api/http/response.hpp"

namespace jobengine::api::cimi {

// JSON with everything beyond ASCII escaped, as the original server writes it.
std::string json_text(const nlohmann::json& document);

http::Response document_response(const nlohmann::json& document);
// An object with one more member, whose value is JSON already: for what is too large to be a
// document first.
http::Response document_response(const nlohmann::json& document, const std::string& name,
                                 const std::string& value);
// With the ETag of that revision.
http::Response document_response(const nlohmann::json& document, std::int64_t revision);
// The same for a document that is text already, written as json_text() does.
http::Response text_response(std::string document, std::int64_t revision);
http::Response created_response(const std::string& id);
http::Response deleted_response(const std::string& id);

// "\"17\""
std::string etag_of(std::int64_t revision);
// Whether an If-Match header lets a change of that revision pass: "*", or a list with its ETag.
bool etag_matches(const std::string& if_match, std::int64_t revision);

}  // namespace jobengine::api::cimi
