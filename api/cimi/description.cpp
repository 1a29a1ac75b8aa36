#include "api/cimi/description.hpp"

namespace jobengine::api::cimi {

using nlohmann::json;

json resource_schema(const std::string& collection) {
  return {{"$ref", "#/components/schemas/" + collection}};
}

json accepted_schema() {
  return resource_schema("accepted");
}

}  // namespace jobengine::api::cimi
