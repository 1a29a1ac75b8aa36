// Processes that actions left behind, and that have become children of the executor because their
// host has ended.
#pragma once

#include "common/runtime/asio.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::executor {

// From now on orphans come to this process. Only the program job-executor does that: without it,
// end_orphans() does nothing.
void adopt_orphans();

// Kills and reaps the children of this process that it did not spawn and that are in a session of
// their own, with all their descendants. Returns when they are gone, or after `limit` with an error
// in the log. Children that a thread of this process has started (actions of isolation shared) are
// in its session and stay.
awaitable<void> end_orphans(runtime::Duration limit = std::chrono::seconds(5));

}  // namespace jobengine::executor
