#include "api/cimi/account_edit.hpp"

#include <algorithm>

#include "api/access/acl.hpp"
#include "api/cimi/cimi_error.hpp"
#include "api/cimi/schema.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

bool among(const AttributeNames& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void expect_descriptive(const json& document, const std::string& id) {
  for (const char* name : {"name", "description"}) {
    if (document.contains(name) && check::non_blank(document[name]) != nullptr) {
      throw bad_request(std::string(name) + ": expected a string that is not blank", id);
    }
  }
  if (document.contains("tags") && check::tags(document["tags"]) != nullptr) {
    throw bad_request("tags: expected an array of distinct strings", id);
  }
}

// What the server keeps itself and clients send back as they read it.
bool kept_by_server(std::string_view name) {
  static const AttributeNames names{"id",         "resource-type", "created",   "updated",
                                    "created-by", "updated-by",    "operations"};
  return among(names, name);
}

}  // namespace

void expect_only(const json& map, const AttributeNames& names, const std::string& where) {
  for (const auto& [key, value] : map.items()) {
    if (among(names, key)) continue;
    std::string known;
    for (const auto name : names) known += (known.empty() ? "" : ", ") + std::string(name);
    throw bad_request(where + key + ": unknown attribute, expected only " + known);
  }
}

std::string template_text(const json& body, const char* name) {
  const auto wrapped = body.find("template");
  if (wrapped != body.end() && wrapped->is_object()) {
    const auto found = wrapped->find(name);
    if (found != wrapped->end() && check::non_blank(*found) == nullptr) {
      return found->get<std::string>();
    }
  }
  throw bad_request(std::string("template/") + name + ": expected a string that is not blank");
}

const json& expected_template(const json& body, const char* href, AttributeNames names) {
  if (template_text(body, "href") != href) {
    throw bad_request(std::string("template/href: expected \"") + href + "\"");
  }
  names.emplace_back("href");
  expect_only(body["template"], names, "template/");
  return body["template"];
}

json descriptive_part(const json& body) {
  json part = json::object();
  for (const char* name : {"name", "description", "tags"}) {
    const auto given = body.find(name);
    if (given != body.end()) part[name] = *given;
  }
  expect_descriptive(part, {});
  return part;
}

json edited_account(const json& current, const Call& call, WallTime now,
                    const AttributeNames& editable) {
  const auto id = current["id"].get<std::string>();
  if (!access::may_edit(current["acl"], call.who)) throw forbidden(id);
  json changes = json::object();
  for (const auto& [key, value] : call.body.items()) {
    if (kept_by_server(key)) continue;
    if (key != "acl" && !among(editable, key) && current.value(key, json()) != value) {
      throw bad_request("attribute '" + key + "' cannot be edited", id);
    }
    changes[key] = value;
  }
  json removed = json::object();
  const auto names = name_list(call.url, "select");
  for (const char* name : {"name", "description", "tags"}) {
    const bool wanted = std::find(names.begin(), names.end(), name) != names.end();
    if (wanted && among(editable, name)) removed[name] = nullptr;
  }
  json document = current;
  removed = access::editable_part(current["acl"], std::move(removed), call.who);
  for (const auto& [name, value] : removed.items()) document.erase(name);
  document.update(access::editable_part(current["acl"], std::move(changes), call.who));
  const auto error = access::acl_error(document["acl"]);
  if (!error.empty()) throw bad_request(error, id);
  expect_descriptive(document, id);
  document["acl"] = access::normalised_acl(document["acl"]);
  document["updated"] = timestamp(now);
  document["updated-by"] = call.who.user_id;
  return document;
}

}  // namespace jobengine::api::cimi
