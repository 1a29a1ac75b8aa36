// JSON patches (RFC 6902) of strangers: a library applies each operation, this says what is wrong
// with one and bounds what a patch may cost. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace jobengine::api::cimi {

// `document` after all operations. Throws CimiError about the resource `id`: 400 for what is no
// patch, leads nowhere or takes too much, 409 when a test fails; each names operation and pointer.
nlohmann::json patched(const nlohmann::json& document, const nlohmann::json& patch,
                       const std::string& id);

}  // namespace jobengine::api::cimi
