// Serves what the API tells about itself: /api/openapi.json and /api/resource-metadata, to
// everybody.
#pragma once

#include <string>

#include "api/cimi/service.hpp"

namespace jobengine::api::cimi {

// After everything else was offered. `since`: when this installation began.
void offer_self_description(Service& service, const std::string& since);

}  // namespace jobengine::api::cimi
