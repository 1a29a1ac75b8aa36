// Access control lists of resources and collections (spec 3.8). Pure.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/identity.hpp"

namespace jobengine::api::access {

enum class Right {
  ViewMeta,
  ViewData,
  ViewAcl,
  EditMeta,
  EditData,
  EditAcl,
  Manage,
  Delete,
};

// The top-level attributes that view-meta shows.
inline constexpr std::array<std::string_view, 11> metadata_keys{
    "id",   "resource-type", "created", "updated",           "name",      "description",
    "tags", "subtype",       "parent",  "resource-metadata", "operations"};

// What is wrong with an acl as a client may send it, e.g. 'acl: unknown key "x"'; empty when it is
// fine.
std::string acl_error(const nlohmann::json& acl);

// As it is stored: group/nuvla-admin in edit-acl, implied rights written out, owners left out of
// the other lists, all lists sorted. `acl` must be free of errors.
nlohmann::json normalised_acl(const nlohmann::json& acl);

// Owned by `claim`, with nothing else granted.
nlohmann::json acl_owned_by(const std::string& claim);

// Whether who may only see metadata sees that attribute.
bool is_metadata(std::string_view attribute);

// `acl` in normal form.
bool allows(const nlohmann::json& acl, const Identity& identity, Right right);

// The keys of `document` this identity may see; null when none. Needs its acl in normal form.
nlohmann::json visible_part(nlohmann::json document, const Identity& identity);

// The keys of `changes` that this identity may change in a resource with that acl (the others are
// dropped silently, spec 3.5).
nlohmann::json editable_part(const nlohmann::json& acl, nlohmann::json changes,
                             const Identity& identity);
bool may_edit(const nlohmann::json& acl, const Identity& identity);

// Who may do what with a collection.
struct CollectionAcl {
  std::vector<std::string> query;
  std::vector<std::string> add;
  std::vector<std::string> bulk_delete;
  std::vector<std::string> bulk_action;

  nlohmann::json document() const;  // empty lists are left out
};
// Admins may everything.
bool allows(const std::vector<std::string>& principals, const Identity& identity);

}  // namespace jobengine::api::access
