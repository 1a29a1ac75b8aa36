// The payload-schema of a manifest, compiled once, and what it says of a payload. Pure.
#pragma once

#include <optional>
#include <string>

#include "common/json_schema/json_schema.hpp"
#include "executor/plugins/manifest.hpp"

namespace jobengine::executor {

// Nothing: any payload will do. Throws ManifestError with the place within the schema when it is
// none.
std::optional<json_schema::JsonSchema> payload_schema_of(const Manifest& manifest);

// Empty: the payload (JSON text; "" counts as {}) is what the schema wants; else the first places
// where it is not: "/count: -1, expected at least 0".
std::string complaint_about_payload(const std::optional<json_schema::JsonSchema>& schema,
                                    const std::string& payload);

}  // namespace jobengine::executor
