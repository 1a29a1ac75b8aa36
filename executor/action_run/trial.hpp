// One action run by itself: no queue, no API, no executor; but the same action host, the same
// checks of the payload and the same way of stopping it as an executor has.
#pragma once

#include "common/runtime/stop_signal.hpp"
#include "executor/action_run/trial_report.hpp"
#include "executor/action_run/trial_request.hpp"
#include "executor/hosts/host_process.hpp"

namespace jobengine::executor {

// Exit codes.
inline constexpr int trial_succeeded = 0;
inline constexpr int trial_failed = 3;     // the job would be FAILED
inline constexpr int trial_postponed = 4;  // it would be QUEUED again, or be left RUNNING

// The first stop asks the action to stop, the second kills it. Throws runtime::Failure when the
// plugin cannot be loaded or has no such action.
awaitable<int> try_action(asio::io_context& loop, HostCommand command, TrialRequest request,
                          TrialReport& report, runtime::StopSignal& stop);

}  // namespace jobengine::executor
