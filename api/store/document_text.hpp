// Reads some attributes out of a document's text without making a value of each. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::api::store {

// The top-level members of these names, of an object as nlohmann's dump() writes it without
// indentation; nothing when the text is of another form, and is to be parsed as a whole.
std::optional<nlohmann::json> members_of(std::string_view object,
                                         const std::vector<std::string>& names);

}  // namespace jobengine::api::store
