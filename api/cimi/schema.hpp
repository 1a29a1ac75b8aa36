// Closed schemas: which attributes a resource may have and what they look like. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::api::cimi {

// What was expected instead; nullptr when the value is fine.
using AttributeCheck = const char* (*)(const nlohmann::json& value);

struct Attribute {
  std::string_view name;
  AttributeCheck check;
  bool mandatory = false;
};
using Schema = std::vector<Attribute>;

// One line for each attribute that is wrong, missing or unknown; empty when all is well.
std::string schema_errors(const Schema& schema, const nlohmann::json& document);

// Attributes every resource may have, with the mandatory ones.
Schema common_attributes();
Schema operator+(Schema first, const Schema& second);

namespace check {
const char* non_blank(const nlohmann::json& value);
const char* text(const nlohmann::json& value);
const char* time(const nlohmann::json& value);
const char* resource_id(const nlohmann::json& value);
const char* href(const nlohmann::json& value);   // {"href": "…", …}
const char* hrefs(const nlohmann::json& value);  // at least one
const char* tags(const nlohmann::json& value);
const char* non_negative(const nlohmann::json& value);
const char* acl(const nlohmann::json& value);
const char* object(const nlohmann::json& value);
}  // namespace check

}  // namespace jobengine::api::cimi
