// The way of job logs to the API: POST job/<uuid>/logs, beside the runs and never in their way.
// Protocol: docs/protocols/resource_api.md, "Logs of a job".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/cimi/client.hpp"
#include "common/runtime/backoff.hpp"
#include "common/runtime/event.hpp"
#include "common/runtime/task_group.hpp"
#include "common/telemetry/metrics.hpp"
#include "executor/job_log.hpp"

namespace jobengine::executor {

struct LogOptions {
  std::size_t limit = 1UL << 20;                     // of one run; 0: nothing is sent
  std::string executor;                              // its name, for people
  runtime::Duration pace = std::chrono::seconds(1);  // between two requests of a run
  runtime::BackoffLimits retries{std::chrono::milliseconds(500), std::chrono::seconds(15)};
  // How long what is left at the end of a run is kept for an API that does not answer.
  runtime::Duration patience = std::chrono::minutes(2);
  // How long an API that has no logs is not asked again.
  runtime::Duration silence = std::chrono::minutes(10);
  // Of runs that have ended, all together: what ends beyond that is not sent.
  std::size_t most_held = 32UL << 20;
  // Requests at a time: edits of jobs want connections too.
  std::size_t most_requests = 4;
  std::size_t batch_bytes = 256UL * 1024;
};

struct LoggedRun {
  std::string job_id;
  std::int32_t attempt = 1;
  // There may be lines of an earlier run under the same number: the API is asked where to go on.
  bool maybe_continued = false;
};

class LogShipping;

// The log of one run. Lives on the loop; nothing here waits or throws for the API.
class RunLog final : public std::enable_shared_from_this<RunLog> {
 public:
  RunLog(LogShipping& shipping, LoggedRun run);

  // A line of the action. False: it is not kept, for there are too many.
  bool note(LogStream stream, std::string_view text, int level = 0);
  // What the engine does with the action. A log of lines that are no news is never sent.
  void note_engine(std::string_view text, bool is_news = true);
  // The run is over; what is left is sent in the background.
  void end(std::string_view how, bool is_news);

  // For the attribute `output`: JobLog::tail().
  std::string tail() const { return log_.tail(); }
  // Whether its lines are for the API.
  bool shipped() const { return !log_.closed(); }
  // Who runs the action, for people.
  const std::string& executor() const;

 private:
  friend class LogShipping;
  void send_soon();

  LogShipping& shipping_;
  LoggedRun run_;
  JobLog log_;
  bool under_way_ = false;  // a coroutine sends
  bool begun_ = false;      // the API has been asked for the first number, if that was necessary
  std::size_t batch_bytes_;
  int refusals_ = 0;      // in a row
  std::size_t held_ = 0;  // as LogShipping knows it
  LogFigures counted_;    // the same
  runtime::Event ended_;
  runtime::TimePoint give_up_at_ = runtime::TimePoint::max();
};

// What the logs of all runs share. Lives on the loop; outlives its logs, and `background` must be
// joined before its end.
class LogShipping {
 public:
  LogShipping(cimi::Client& client, runtime::TaskGroup& background, telemetry::Metrics& metrics,
              LogOptions options);

  // The log of a run that begins.
  std::shared_ptr<RunLog> open(LoggedRun run);

  // The API has no logs, or none that it takes from us: asked again later.
  bool silent() const { return runtime::Clock::now() < silent_until_; }

  // The executor ends: what is left is sent now or given up within `limit`.
  void end_within(runtime::Duration limit);

  const LogOptions& options() const { return options_; }

 private:
  friend class RunLog;
  enum class Verdict { GoOn, Wait, GiveUp };

  awaitable<void> ship(std::shared_ptr<RunLog> run);
  awaitable<Verdict> send_next(std::shared_ptr<RunLog> run);
  Verdict judge(RunLog& run, const LogBatch& batch, const cimi::Reply& reply);
  Verdict kept(RunLog& run, const LogBatch& batch, const cimi::Reply& reply);
  Verdict missing_lines(RunLog& run, const LogBatch& batch, const cimi::Reply& reply);
  Verdict not_accepted(RunLog& run, const LogBatch& batch, const cimi::Reply& reply);
  Verdict be_silent(const cimi::Reply& reply);
  awaitable<void> wait_before_retry(runtime::Duration pause);
  void account(RunLog& run);

  cimi::Client& client_;
  runtime::TaskGroup& background_;
  LogOptions options_;
  telemetry::Counter& lines_;
  telemetry::Counter& bytes_;
  telemetry::Counter& over_limit_;
  telemetry::Counter& not_taken_;

  runtime::TimePoint silent_until_{};
  bool heard_ = false;    // the API has kept lines
  std::size_t held_ = 0;  // of runs that have ended
  std::size_t requests_ = 0;
  runtime::Event request_ended_;
  runtime::Event closing_;
  runtime::TimePoint closing_until_ = runtime::TimePoint::max();
};

}  // namespace jobengine::executor
