// --job-id: one job, no queue, no ZooKeeper. What an edge runs.
#pragma once

#include <string>

#include "common/runtime/stop_signal.hpp"
#include "executor/api_health.hpp"
#include "executor/job_run.hpp"

namespace jobengine::executor {

// Exit codes of pull mode (those every program has are 1 and 2).
inline constexpr int exit_job_failed = 3;
inline constexpr int exit_job_not_run = 4;

// Pure. 0: recorded as SUCCESS, left to a monitor job, or final already; 3: FAILED or back in the
// queue; 4: not run, or not recorded: left for the next try.
int exit_code(RunResult result);

// Runs the job; a stop is waited for up to `drain_timeout`, then the action is stopped. Returns the
// exit code.
awaitable<int> run_one_job(asio::io_context& loop, WatchedClient& client, const Catalog& catalog,
                           HostCommand host_command, HostPoolLimits host_limits, RunLimits limits,
                           LogOptions log_options, telemetry::Metrics& metrics, std::string job_id,
                           runtime::Duration drain_timeout, runtime::StopSignal& stop);

}  // namespace jobengine::executor
