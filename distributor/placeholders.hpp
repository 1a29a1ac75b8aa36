// ${attribute} in a job template, filled from a row of for-each. Pure.
//
// "${id}", "${parent}", nested "${owner/name}"; "$${" stands for "${". Only texts inside a JSON
// value are filled, so that no row can change the structure. A text that is one placeholder and
// nothing else takes the attribute's value as it is (a number stays a number).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>

namespace jobengine::distributor {

// The attributes (their first names) that `value` refers to. Throws Failure for a placeholder that
// is not closed or not an attribute's name.
std::set<std::string> placeholders_of(const nlohmann::json& value);

// `value` with everything filled in. Nothing when the row lacks an attribute, or a longer text
// would have to embed a list or map.
std::optional<nlohmann::json> filled(const nlohmann::json& value, const nlohmann::json& row);

}  // namespace jobengine::distributor
