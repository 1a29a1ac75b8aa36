// The description of each collection in the form Nuvla's clients read, e.g. to make forms of it:
// /api/resource-metadata/<collection>. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "api/cimi/description.hpp"

namespace jobengine::api::cimi {

// `since`: when this installation began.
nlohmann::json resource_metadata(const Description& collection, const std::string& since);

}  // namespace jobengine::api::cimi
