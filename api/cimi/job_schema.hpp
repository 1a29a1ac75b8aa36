// What a job is made of, and nothing else (spec 2.1). Pure.
#pragma once

#include "api/cimi/schema.hpp"

namespace jobengine::api::cimi {

const Schema& job_schema();

}  // namespace jobengine::api::cimi
