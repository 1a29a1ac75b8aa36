#include "api/cimi/schema.hpp"

#include <algorithm>
#include <set>

#include "api/access/acl.hpp"
#include "api/cimi/timestamp.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

constexpr std::size_t longest_shown = 80;

std::string shown(const json& value) {
  auto text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (text.size() > longest_shown) text = text.substr(0, longest_shown) + "…";
  return text;
}

bool lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool alphanumeric(char c) {
  return lower(c) || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// ^[a-z]([a-z-]*[a-z])?(/[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?)?$
bool is_resource_id(std::string_view text) {
  const auto slash = text.find('/');
  const auto type = text.substr(0, slash);
  if (type.empty() || !lower(type.front()) || !lower(type.back())) return false;
  if (!std::all_of(type.begin(), type.end(), [](char c) { return lower(c) || c == '-'; })) {
    return false;
  }
  if (slash == std::string_view::npos) return true;
  const auto name = text.substr(slash + 1);
  if (name.empty() || !alphanumeric(name.front()) || !alphanumeric(name.back())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return alphanumeric(c) || c == '_' || c == '-'; });
}

bool blank(const std::string& text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string::npos;
}

}  // namespace

namespace check {

const char* non_blank(const json& value) {
  const bool fine = value.is_string() && !blank(value.get_ref<const std::string&>());
  return fine ? nullptr : "a string that is not blank";
}

const char* text(const json& value) {
  return value.is_string() ? nullptr : "a string";
}

const char* time(const json& value) {
  const bool fine =
      value.is_string() && parse_timestamp(value.get_ref<const std::string&>()).has_value();
  return fine ? nullptr : "a timestamp such as \"2024-05-06T07:08:09.123Z\"";
}

const char* resource_id(const json& value) {
  const bool fine = value.is_string() && is_resource_id(value.get_ref<const std::string&>());
  return fine ? nullptr : "a resource id such as \"deployment/1234\"";
}

const char* href(const json& value) {
  const bool fine =
      value.is_object() && value.contains("href") && resource_id(value["href"]) == nullptr;
  return fine ? nullptr : "a map with a resource id as 'href'";
}

const char* hrefs(const json& value) {
  const bool fine =
      value.is_array() && !value.empty() &&
      std::all_of(value.begin(), value.end(), [](const json& one) { return href(one) == nullptr; });
  return fine ? nullptr : "an array of at least one map with a resource id as 'href'";
}

const char* tags(const json& value) {
  static constexpr const char* expected = "an array of distinct strings";
  if (!value.is_array()) return expected;
  std::set<std::string> seen;
  for (const auto& tag : value) {
    if (!tag.is_string() || !seen.insert(tag.get<std::string>()).second) return expected;
  }
  return nullptr;
}

const char* non_negative(const json& value) {
  const bool fine =
      value.is_number_integer() && (value.is_number_unsigned() || value.get<std::int64_t>() >= 0);
  return fine ? nullptr : "an integer of at least 0";
}

const char* acl(const json& value) {
  return access::acl_error(value).empty()
             ? nullptr
             : "a map with 'owners' and optionally view-meta, view-data, view-acl, edit-meta, "
               "edit-data, edit-acl, manage, delete: arrays of distinct principals such as "
               "\"user/jane\"";
}

const char* object(const json& value) {
  return value.is_object() ? nullptr : "a map";
}

}  // namespace check

std::string schema_errors(const Schema& schema, const json& document) {
  std::string errors;
  for (const auto& attribute : schema) {
    const auto found = document.find(std::string(attribute.name));
    const std::string name(attribute.name);
    if (found == document.end()) {
      if (attribute.mandatory) errors += name + ": missing\n";
      continue;
    }
    if (const char* expected = attribute.check(*found)) {
      errors += name + ": " + shown(*found) + ", expected " + expected + "\n";
    }
  }
  for (const auto& [key, value] : document.items()) {
    const bool known = std::any_of(schema.begin(), schema.end(),
                                   [&](const Attribute& one) { return one.name == key; });
    if (!known) errors += key + ": unknown attribute\n";
  }
  if (!errors.empty()) errors.pop_back();
  return errors;
}

Schema common_attributes() {
  return {
      {"id", check::resource_id, true},
      {"resource-type", check::non_blank, true},
      {"created", check::time, true},
      {"updated", check::time, true},
      {"acl", check::acl, true},
      {"created-by", check::non_blank},
      {"updated-by", check::non_blank},
      {"name", check::non_blank},
      {"description", check::non_blank},
      {"parent", check::resource_id},
      {"resource-metadata", check::resource_id},
      {"tags", check::tags},
  };
}

Schema operator+(Schema first, const Schema& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace jobengine::api::cimi
