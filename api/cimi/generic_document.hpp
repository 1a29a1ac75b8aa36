// Documents of declared resource types: what adding, editing, operations and hooks do to one. Pure:
// runs on the store's writing thread too.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/access/identity.hpp"
#include "api/cimi/generic_type.hpp"
#include "api/cimi/timestamp.hpp"

namespace jobengine::api::cimi {

// Nobody sees this attribute: job by action, for operations that reuse an unfinished one.
inline constexpr const char* reusable_jobs = "reusable-jobs";

// Attributes that neither clients nor declarations may set.
bool is_kept_by_server(std::string_view attribute);

// The declared acl with that claim in the place of "active-claim"; not in normal form.
nlohmann::json acl_for(const GenericType& type, const std::string& claim);

// A new resource from the body of an add. Throws CimiError 400.
nlohmann::json new_generic(const GenericType& type, const nlohmann::json& body,
                           const std::string& id, const access::Identity& who, WallTime now);

struct GenericEdit {
  nlohmann::json changes = nlohmann::json::object();
  std::vector<std::string> removed;     // "select"
  std::optional<nlohmann::json> patch;  // RFC 6902, instead of both
};
// Throws CimiError: 403, 400, 409. What the caller may not change is left as it is, silently; a
// patch that touches it is refused, and sees nothing the caller may not see.
nlohmann::json edited_generic(const GenericType& type, const nlohmann::json& current,
                              const GenericEdit& edit, const access::Identity& who, WallTime now);

// With the attributes of an operation or a hook. Throws CimiError 400 when the schema forbids it.
nlohmann::json changed_generic(const GenericType& type, const nlohmann::json& current,
                               const nlohmann::json& set, const std::string& updated_by,
                               WallTime now);

bool holds(const std::optional<GenericCondition>& condition, const nlohmann::json& document,
           WallTime now);

}  // namespace jobengine::api::cimi
