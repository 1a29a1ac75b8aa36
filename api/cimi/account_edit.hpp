// What users, groups and credentials have in common when they are added and edited. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/cimi/call.hpp"
#include "api/cimi/timestamp.hpp"

namespace jobengine::api::cimi {

using AttributeNames = std::vector<std::string_view>;

// Throws CimiError 400 when the map has other keys; `where` ("template/") is put before the name of
// the first one.
void expect_only(const nlohmann::json& map, const AttributeNames& names, const std::string& where);

// The text attribute `name` of the body's template. Throws CimiError 400 without one.
std::string template_text(const nlohmann::json& body, const char* name);
// The body's template: a map with that href and, beside it, only these attributes. Throws CimiError
// 400 naming what is wrong.
const nlohmann::json& expected_template(const nlohmann::json& body, const char* href,
                                        AttributeNames names);

// Those of name, description and tags that a body gives.
nlohmann::json descriptive_part(const nlohmann::json& body);

// The document after an edit that may touch `editable` only (and, with the right to it, the acl);
// a value that is there already may be sent again. Throws CimiError 400 and 403.
nlohmann::json edited_account(const nlohmann::json& current, const Call& call, WallTime now,
                              const AttributeNames& editable);

}  // namespace jobengine::api::cimi
