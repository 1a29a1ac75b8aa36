#include "api/access/acl.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace jobengine::api::access {
namespace {

using nlohmann::json;

constexpr std::array<std::pair<Right, std::string_view>, 8> right_names{{
    {Right::ViewMeta, "view-meta"},
    {Right::ViewData, "view-data"},
    {Right::ViewAcl, "view-acl"},
    {Right::EditMeta, "edit-meta"},
    {Right::EditData, "edit-data"},
    {Right::EditAcl, "edit-acl"},
    {Right::Manage, "manage"},
    {Right::Delete, "delete"},
}};

// In an order in which one pass is enough: who implies comes before what is implied.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> implications{{
    {"edit-acl", "edit-data"},
    {"edit-acl", "delete"},
    {"edit-acl", "manage"},
    {"edit-acl", "view-acl"},
    {"edit-data", "edit-meta"},
    {"edit-data", "view-data"},
    {"view-acl", "view-data"},
    {"edit-meta", "view-meta"},
    {"delete", "view-meta"},
    {"view-data", "view-meta"},
}};

std::string_view name_of(Right right) {
  for (const auto& [one, name] : right_names) {
    if (one == right) return name;
  }
  return {};
}

bool is_right_name(std::string_view key) {
  return std::any_of(right_names.begin(), right_names.end(),
                     [&](const auto& one) { return one.second == key; });
}

// ^[a-z-]+/[a-z0-9-]+$
bool is_principal(const json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  const auto slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash + 1 == text.size()) return false;
  const bool kind_ok = std::all_of(text.begin(), text.begin() + static_cast<long>(slash),
                                   [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
  const bool name_ok = std::all_of(
      text.begin() + static_cast<long>(slash) + 1, text.end(),
      [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  return kind_ok && name_ok;
}

// For messages: no longer than what it takes to find it.
std::string shown(const json& value) {
  constexpr std::size_t longest = 100;
  auto text = value.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
  if (text.size() > longest) text = text.substr(0, longest) + "…";
  return text;
}

std::string list_error(const std::string& key, const json& list) {
  if (!list.is_array()) return "acl: '" + key + "' must be an array of principals";
  std::set<std::string> seen;
  for (const auto& principal : list) {
    if (!is_principal(principal)) {
      return "acl: '" + key + "' holds " + shown(principal) +
             ", expected a principal such as \"user/jane\" or \"group/x\"";
    }
    if (!seen.insert(principal.get<std::string>()).second) {
      return "acl: '" + key + "' holds " + shown(principal) + " twice";
    }
  }
  return {};
}

bool holds_any(const json& list, const Identity& identity) {
  return std::any_of(list.begin(), list.end(), [&](const json& principal) {
    return principal.is_string() && identity.has(principal.get_ref<const std::string&>());
  });
}

}  // namespace

bool is_metadata(std::string_view key) {
  return std::find(metadata_keys.begin(), metadata_keys.end(), key) != metadata_keys.end();
}

std::string acl_error(const json& acl) {
  if (!acl.is_object()) return "acl: must be a map with 'owners'";
  for (const auto& [key, list] : acl.items()) {
    if (key != "owners" && !is_right_name(key)) return "acl: unknown key " + shown(key);
    if (auto error = list_error(key, list); !error.empty()) return error;
  }
  if (!acl.contains("owners") || acl["owners"].empty()) {
    return "acl: 'owners' must name at least one principal";
  }
  return {};
}

json normalised_acl(const json& acl) {
  std::map<std::string, std::set<std::string>> lists;
  for (const auto& [key, list] : acl.items()) {
    for (const auto& principal : list) lists[key].insert(principal.get<std::string>());
  }
  lists["edit-acl"].insert(std::string(admin_claim));
  const auto owners = lists["owners"];
  for (const auto& [holder, implied] : implications) {
    const auto from = lists.find(std::string(holder));
    if (from == lists.end()) continue;
    const auto granted = from->second;
    lists[std::string(implied)].insert(granted.begin(), granted.end());
  }
  json result = json::object();
  for (auto& [key, principals] : lists) {
    if (key != "owners") {
      for (const auto& owner : owners) principals.erase(owner);
    }
    if (!principals.empty()) result[key] = principals;
  }
  return result;
}

json acl_owned_by(const std::string& claim) {
  json acl;
  acl["owners"] = json::array({claim});
  return normalised_acl(acl);
}

bool allows(const json& acl, const Identity& identity, Right right) {
  if (identity.is_admin()) return true;
  if (acl.contains("owners") && holds_any(acl["owners"], identity)) return true;
  const std::string name(name_of(right));
  return acl.contains(name) && holds_any(acl[name], identity);
}

json visible_part(json document, const Identity& identity) {
  const json none = json::object();
  const auto found = document.find("acl");
  const json& acl = found == document.end() ? none : *found;
  if (allows(acl, identity, Right::ViewAcl)) return document;
  if (allows(acl, identity, Right::ViewData)) {
    document.erase("acl");
    return document;
  }
  if (!allows(acl, identity, Right::ViewMeta)) return nullptr;
  json part = json::object();
  for (const auto& [key, value] : document.items()) {
    if (is_metadata(key)) part[key] = std::move(value);
  }
  return part;
}

bool may_edit(const json& acl, const Identity& identity) {
  return allows(acl, identity, Right::EditMeta) || allows(acl, identity, Right::EditData) ||
         allows(acl, identity, Right::EditAcl);
}

json editable_part(const json& acl, json changes, const Identity& identity) {
  if (allows(acl, identity, Right::EditAcl)) return changes;
  changes.erase("acl");
  if (allows(acl, identity, Right::EditData)) return changes;
  json part = json::object();
  for (const auto& [key, value] : changes.items()) {
    if (is_metadata(key)) part[key] = value;
  }
  return part;
}

json CollectionAcl::document() const {
  json result = json::object();
  if (!query.empty()) result["query"] = query;
  if (!add.empty()) result["add"] = add;
  if (!bulk_delete.empty()) result["bulk-delete"] = bulk_delete;
  if (!bulk_action.empty()) result["bulk-action"] = bulk_action;
  return result;
}

bool allows(const std::vector<std::string>& principals, const Identity& identity) {
  if (identity.is_admin()) return true;
  return std::any_of(principals.begin(), principals.end(),
                     [&](const std::string& one) { return identity.has(one); });
}

}  // namespace jobengine::api::access
