#include "executor/pull_mode.hpp"

#include <utility>

#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::executor {

namespace {

// For a stopped action to end.
constexpr auto last_steps = std::chrono::seconds(15);

awaitable<void> obey_stop(JobRun& run, const HostPool& hosts, runtime::Event& ended,
                          runtime::Duration drain_timeout, runtime::StopSignal& stop) {
  co_await runtime::Event::wait_either(ended, stop.requested(), runtime::TimePoint::max());
  if (ended.raised()) co_return;
  telemetry::info("stopping when the job has ended");
  const auto deadline = runtime::Clock::now() + drain_timeout;
  co_await runtime::Event::wait_either(ended, stop.at_once(), deadline);
  if (!ended.raised()) run.end_soon();
  co_await ended.wait_for(last_steps);
  if (!ended.raised() && hosts.busy_threads() > 0) {
    end_executor("it is asked to stop, and a shared action ignores that");
  }
}

awaitable<Outcome> run_to_end(JobRun& run, runtime::Event& ended) {
  Outcome outcome;
  try {
    outcome = co_await run.run();
  } catch (const std::exception& failure) {
    outcome.reason = failure.what();
  }
  ended.raise();
  co_return outcome;
}

}  // namespace

int exit_code(RunResult result) {
  switch (result) {
    case RunResult::Success:
    case RunResult::LeftRunning:
    case RunResult::AlreadyFinal:
      return 0;
    case RunResult::Failed:
    case RunResult::FellBack:
    case RunResult::Retried:
      return exit_job_failed;
    case RunResult::NoJob:
    case RunResult::NotOurs:
    case RunResult::Duplicate:
    case RunResult::GivenUp:
    case RunResult::NotRun:
      return exit_job_not_run;
  }
  JE_CHECK(false, "a known result");
}

awaitable<int> run_one_job(asio::io_context& loop, WatchedClient& client, const Catalog& catalog,
                           HostCommand host_command, HostPoolLimits host_limits, RunLimits limits,
                           LogOptions log_options, telemetry::Metrics& metrics, std::string job_id,
                           runtime::Duration drain_timeout, runtime::StopSignal& stop) {
  limits.document_wait = std::chrono::seconds(4);
  HostPool hosts(loop, std::move(host_command), std::move(host_limits));
  CancellationWatch cancellations(client);
  runtime::TaskGroup background(loop.get_executor());
  LogShipping logs(client, background, metrics, std::move(log_options));
  const RunServices services{loop, client, catalog, hosts, cancellations, background, limits, logs};
  const PullHold hold;
  RunRequest request;
  request.job_id = job_id;
  request.from_queue = false;
  JobRun run(services, hold, std::move(request));
  runtime::Event ended;
  background.spawn(cancellations.run(ended));
  background.spawn(obey_stop(run, hosts, ended, drain_timeout, stop));
  const Outcome outcome = co_await run_to_end(run, ended);
  telemetry::info("job ended", {{"job", job_id},
                                {"action", run.action_name()},
                                {"result", text(outcome.result)},
                                {"reason", outcome.reason}});
  constexpr auto last_logs = std::chrono::seconds(10);
  logs.end_within(last_logs);
  co_await background.join();
  co_await hosts.close();
  co_return exit_code(outcome.result);
}

}  // namespace jobengine::executor
