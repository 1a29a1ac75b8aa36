#include "api/cimi/generic_document.hpp"

#include <algorithm>
#include <array>

#include "api/access/acl.hpp"
#include "api/cimi/cimi_error.hpp"
#include "api/cimi/json_patch.hpp"
#include "api/cimi/schema.hpp"
#include "api/filter/evaluate.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 8> kept_by_server{
    "id",         "resource-type", "created",    "updated",
    "created-by", "updated-by",    "operations", reusable_jobs};

json without_server_attributes(json body) {
  for (const auto name : kept_by_server) body.erase(std::string(name));
  return body;
}

// Every attribute that all resources have, and subtype.
const Schema& common_schema() {
  static const Schema schema = [] {
    auto all = common_attributes();
    const bool there = std::any_of(all.begin(), all.end(),
                                   [](const Attribute& one) { return one.name == "subtype"; });
    if (!there) {
      all.push_back({"subtype", shape::non_blank(), "Which kind of these."});
    }
    return all;
  }();
  return schema;
}

bool is_common(const std::string& name) {
  const auto& schema = common_schema();
  return name == reusable_jobs ||
         std::any_of(schema.begin(), schema.end(),
                     [&](const Attribute& one) { return one.name == name; });
}

bool names_attribute(const json& schema, const std::string& name) {
  if (!schema.is_object()) return false;
  const auto properties = schema.find("properties");
  if (properties != schema.end() && properties->contains(name)) return true;
  const auto required = schema.find("required");
  return required != schema.end() &&
         std::find(required->begin(), required->end(), json(name)) != required->end();
}

[[noreturn]] void refuse_schema(const std::string& id, const std::string& errors) {
  throw bad_request("resource " + id + " does not satisfy defined schema:\n" + errors, id);
}

void check_document(const GenericType& type, const json& document) {
  const auto id = document["id"].get<std::string>();
  json common = json::object();
  json own = json::object();
  for (const auto& [key, value] : document.items()) {
    const bool shared = is_common(key);
    if (shared && key != reusable_jobs) common[key] = value;
    if (!shared || (type.schema && names_attribute(type.schema->document(), key))) own[key] = value;
  }
  const auto errors = schema_errors(common_schema(), common);
  if (!errors.empty()) refuse_schema(id, errors);
  if (!type.schema) return;
  const auto violations = type.schema->violations(own);
  if (!violations.empty()) refuse_schema(id, json_schema::text_of(violations));
}

void finish_acl(json& document) {
  document["acl"] = access::normalised_acl(document["acl"]);
}

// What an edit asks for, as attributes to set and to remove.
struct Difference {
  json set = json::object();
  json removed = json::object();  // their names, each null
};

// Without what this caller may not change.
json allowed(const GenericType& type, const json& acl, json changes, const access::Identity& who) {
  changes = without_server_attributes(std::move(changes));
  if (!who.is_admin()) {
    for (const auto& name : type.managed) changes.erase(name);
  }
  return access::editable_part(acl, std::move(changes), who);
}

Difference merge_difference(const GenericType& type, const json& current, const GenericEdit& edit,
                            const access::Identity& who) {
  Difference difference;
  for (const auto& name : edit.removed) difference.removed[name] = nullptr;
  difference.removed.erase("acl");
  difference.removed = allowed(type, current["acl"], std::move(difference.removed), who);
  difference.set = allowed(type, current["acl"], edit.changes, who);
  return difference;
}

Difference patch_difference(const GenericType& type, const json& current, const json& patch,
                            const access::Identity& who) {
  const auto id = current["id"].get<std::string>();
  json seen = current;
  seen.erase(reusable_jobs);
  seen = access::visible_part(seen, who);
  if (seen.is_null()) throw forbidden(id);
  const auto after = patched(seen, patch, id);
  Difference difference;
  for (const auto& [key, value] : after.items()) {
    if (!seen.contains(key) || seen[key] != value) difference.set[key] = value;
  }
  for (const auto& [key, value] : seen.items()) {
    if (!after.contains(key)) difference.removed[key] = nullptr;
  }
  if (difference.removed.contains("acl")) throw bad_request("/acl cannot be removed", id);
  json touched = difference.removed;
  touched.update(difference.set);
  for (const auto& [key, value] : touched.items()) {
    if (is_kept_by_server(key)) throw bad_request("/" + key + " is set by the server alone", id);
  }
  const auto may = allowed(type, current["acl"], touched, who);
  for (const auto& [key, value] : touched.items()) {
    if (!may.contains(key)) throw CimiError(403, "no right to change /" + key + " of " + id, id);
  }
  return difference;
}

}  // namespace

bool is_kept_by_server(std::string_view attribute) {
  return std::find(kept_by_server.begin(), kept_by_server.end(), attribute) != kept_by_server.end();
}

json acl_for(const GenericType& type, const std::string& claim) {
  json acl = type.acl;
  if (!acl.is_object()) return acl;
  for (auto& list : acl) {
    if (!list.is_array()) continue;
    json filled = json::array();
    for (const auto& principal : list) {
      const json one = principal == "active-claim" ? json(claim) : principal;
      if (std::find(filled.begin(), filled.end(), one) == filled.end()) filled.push_back(one);
    }
    list = std::move(filled);
  }
  return acl;
}

json new_generic(const GenericType& type, const json& body, const std::string& id,
                 const access::Identity& who, WallTime now) {
  json document = type.attributes;
  document.update(without_server_attributes(body));
  if (!who.is_admin()) {
    for (const auto& name : type.managed) {
      document.erase(name);
      if (type.attributes.contains(name)) document[name] = type.attributes[name];
    }
  }
  document.update(type.initial);
  document["id"] = id;
  document["resource-type"] = type.name;
  document["created"] = timestamp(now);
  document["updated"] = document["created"];
  const auto maker = body.find("created-by");
  document["created-by"] = who.is_admin() && maker != body.end() ? *maker : json(who.user_id);
  if (!document.contains("acl")) document["acl"] = acl_for(type, who.owner());
  check_document(type, document);
  finish_acl(document);
  return document;
}

json edited_generic(const GenericType& type, const json& current, const GenericEdit& edit,
                    const access::Identity& who, WallTime now) {
  const auto id = current["id"].get<std::string>();
  if (!access::may_edit(current["acl"], who)) throw forbidden(id);
  const auto difference = edit.patch ? patch_difference(type, current, *edit.patch, who)
                                     : merge_difference(type, current, edit, who);
  json document = current;
  for (const auto& [key, unused] : difference.removed.items()) document.erase(key);
  document.update(difference.set);
  document["updated"] = timestamp(now);
  document["updated-by"] = who.user_id;
  check_document(type, document);
  finish_acl(document);
  return document;
}

json changed_generic(const GenericType& type, const json& current, const json& set,
                     const std::string& updated_by, WallTime now) {
  json document = current;
  document.update(set);
  document["updated"] = timestamp(now);
  document["updated-by"] = updated_by;
  check_document(type, document);
  finish_acl(document);
  return document;
}

bool holds(const std::optional<GenericCondition>& condition, const json& document, WallTime now) {
  if (!condition) return true;
  return filter::matches(condition->filter, document, filter::FieldTypes{},
                         now.time_since_epoch().count());
}

}  // namespace jobengine::api::cimi
