// The description of the whole API for machines: OpenAPI 3.0.3, made of what each collection and
// endpoint tells about itself. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/cimi/description.hpp"

namespace jobengine::api::cimi {

nlohmann::json openapi_document(const std::vector<Description>& collections,
                                const std::vector<EndpointDescription>& endpoints,
                                const std::string& version);

}  // namespace jobengine::api::cimi
