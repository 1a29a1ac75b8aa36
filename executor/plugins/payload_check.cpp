#include "executor/plugins/payload_check.hpp"

#include <nlohmann/json.hpp>

namespace jobengine::executor {

std::optional<json_schema::JsonSchema> payload_schema_of(const Manifest& manifest) {
  if (manifest.payload_schema.is_null()) return std::nullopt;
  try {
    return json_schema::JsonSchema(manifest.payload_schema);
  } catch (const json_schema::SchemaError& error) {
    throw ManifestError("payload-schema", "\"payload-schema\" in the manifest of " + manifest.name +
                                              " is no JSON Schema: " + error.what());
  }
}

std::string complaint_about_payload(const std::optional<json_schema::JsonSchema>& schema,
                                    const std::string& payload) {
  if (!schema) return {};
  const auto document =
      payload.empty() ? nlohmann::json::object() : nlohmann::json::parse(payload, nullptr, false);
  if (document.is_discarded()) return "it is not JSON";
  return json_schema::text_of(schema->violations(document));
}

}  // namespace jobengine::executor
