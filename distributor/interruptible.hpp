// Waiting for an answer, but no longer than leadership lasts.
#pragma once

#include "common/runtime/interruptible.hpp"

namespace jobengine::distributor {

using runtime::unless;

}  // namespace jobengine::distributor
