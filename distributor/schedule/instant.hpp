// Points of the wall clock, as schedules and the ledger use them.
#pragma once

#include "common/runtime/instant.hpp"

namespace jobengine::distributor {

using runtime::Instant;
using runtime::now;
using runtime::parse_instant;
using runtime::Span;
using runtime::text;

}  // namespace jobengine::distributor
