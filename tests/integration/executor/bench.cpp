#include "tests/integration/executor/bench.hpp"

#include <unistd.h>

#include <utility>

#include "executor/hosts/host_environment.hpp"
#include "executor/plugins/catalog_keeper.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {

using namespace executor;
using std::chrono::milliseconds;

HostCommand host_command() {
  HostCommand command;
  command.program = program_path("job-action-host");
  command.environment = host_environment(environ, {});
  return command;
}

std::string good_plugins() {
  return build_directory() + "/tests/plugins/good";
}

std::string bad_plugins() {
  return build_directory() + "/tests/plugins/bad";
}

namespace {

HostPoolLimits pool_limits(SharedActions shared_actions) {
  HostPoolLimits limits;
  limits.most_idle = 100;
  limits.shared_actions = std::move(shared_actions);
  return limits;
}

}  // namespace

Bench::Bench(asio::io_context& event_loop, SharedActions shared_actions)
    : loop(event_loop),
      hosts(event_loop, host_command(), pool_limits(std::move(shared_actions))),
      cancellations(api, milliseconds(20)),
      background(event_loop.get_executor()) {
  limits.action.stop_grace = milliseconds(300);
  limits.action.kill_grace = milliseconds(100);
  limits.action.report_pace = milliseconds(20);
  limits.action.renewal = milliseconds(20);
  log_options.pace = milliseconds(20);
  log_options.executor = "bench";
  limits.start_wait = std::chrono::seconds(10);
}

awaitable<void> Bench::prepare() {
  std::vector<ActionDirectory> directories;
  directories.push_back({good_plugins(), true});
  HostCommand command = host_command();
  catalog = co_await scan_actions(loop, std::move(command), std::move(directories));
  background.spawn(cancellations.run(closing_));
}

awaitable<std::string> MemoryAttempts::keep(queue::AttemptRecord record) {
  ++writes;
  if (refusal.empty()) kept = std::move(record);
  co_return refusal;
}

awaitable<Outcome> Bench::run(std::string job_id, std::int32_t attempt) {
  if (!logs_) logs_.emplace(api, background, metrics, log_options);
  const RunServices services{loop, api, catalog, hosts, cancellations, background, limits, *logs_};
  RunRequest request;
  request.job_id = std::move(job_id);
  request.attempt = attempt;
  request.from_queue = !pull_mode;
  if (!pull_mode) request.attempts = &attempts;
  JobRun run(services, hold, std::move(request));
  current = &run;
  Outcome outcome = co_await run.run();
  current = nullptr;
  co_return outcome;
}

awaitable<void> Bench::close() {
  // They refer to what the test has on its stack; the last lines of logs may still be under way.
  api.trouble = nullptr;
  api.after_edit = nullptr;
  closing_.raise();
  if (logs_) logs_->end_within(std::chrono::seconds(5));
  co_await background.join();
  co_await hosts.close();
}

}  // namespace jobengine::tests
