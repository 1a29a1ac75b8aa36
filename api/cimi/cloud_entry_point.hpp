// The root document: which collections there are (spec 3.2). Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace jobengine::api::cimi {

// `since`: when this installation began.
nlohmann::json cloud_entry_point(const std::vector<std::string>& collections,
                                 const std::string& base_uri, const std::string& since);

}  // namespace jobengine::api::cimi
