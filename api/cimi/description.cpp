#include "api/cimi/description.hpp"

namespace jobengine::api::cimi {

using nlohmann::json;

json resource_schema(const std::string& collection) {
  return {{"$ref", "#/components/schemas/" + collection}};
}

json client_schema(const Description& description) {
  json schema = {{"type", "object"}, {"properties", json::object()}};
  for (const auto& attribute : description.attributes) {
    if (attribute.set_by == SetBy::Server) continue;
    auto& property = schema["properties"][attribute.name];
    property = attribute.schema;
    if (!attribute.text.empty()) property["description"] = attribute.text;
    if (!attribute.fallback.is_null()) property["default"] = attribute.fallback;
  }
  return schema;
}

}  // namespace jobengine::api::cimi
