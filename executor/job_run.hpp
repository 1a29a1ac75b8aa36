// The story of one job, from its id to a recorded outcome. The file to read first.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/cimi/client.hpp"
#include "common/job/job.hpp"
#include "common/runtime/event.hpp"
#include "common/runtime/task_group.hpp"
#include "executor/attempt_keeper.hpp"
#include "executor/cancellation_watch.hpp"
#include "executor/hold.hpp"
#include "executor/hosts/host_pool.hpp"
#include "executor/job_report.hpp"
#include "executor/log_shipping.hpp"
#include "executor/outcome_journal.hpp"
#include "executor/plugins/catalog.hpp"
#include "executor/run_outcome.hpp"
#include "executor/running_action.hpp"
#include "executor/stop_order.hpp"

namespace jobengine::executor {

struct RunLimits {
  ActionLimits action;
  // How long a missing document is waited for before the slot is left.
  runtime::Duration document_wait = std::chrono::milliseconds(150);
  // How long it is tried to find out whether the job was set RUNNING.
  runtime::Duration start_wait = std::chrono::seconds(20);
};

// What all runs of an executor share; outlives them.
struct RunServices {
  asio::io_context& loop;
  cimi::Client& client;
  const Catalog& catalog;
  HostPool& hosts;
  CancellationWatch& cancellations;
  runtime::TaskGroup& background;
  RunLimits limits;
  LogShipping& logs;
  OutcomeJournal* journal = nullptr;  // null: there is no state directory
};

struct RunRequest {
  std::string job_id;
  std::int32_t attempt = 1;
  bool from_queue = true;
  AttemptKeeper* attempts = nullptr;  // must outlive the run; null: pull mode keeps none
  // Known when the outcome may be kept in the journal.
  std::optional<queue::EntryName> entry;
  // Why the job is given up without a run, for people; empty: it is run.
  std::string given_up;
  // Awaited when the job is about to be set RUNNING: false when it may not begin here, now.
  // Nothing: it may.
  std::function<awaitable<bool>()> enter_slot;
  // Called once the action has ended and nothing but its outcome is left to be dealt with; not
  // called for jobs that are not run.
  std::function<void()> action_over;
};

// Lives on the loop. Writes nothing once `hold` does not hold any more.
class JobRun {
 public:
  JobRun(const RunServices& services, const Hold& hold, RunRequest request);

  // Returns what became of the job and what has to become of its entry: that is the caller's part.
  awaitable<Outcome> run();

  // This executor ends: the action is stopped, an outcome that cannot be recorded is given up.
  void end_soon();

  // The lock is gone, or its session over: somebody else may have the job from now on.
  void lock_lost(std::string why);

  // Known once the document was read; for logs.
  std::string action_name() const;

 private:
  awaitable<std::optional<Outcome>> fetch();
  awaitable<std::optional<Outcome>> look_for_rival();
  // What an earlier attempt of this executor brought about and could not record.
  std::optional<Outcome> kept_outcome();
  awaitable<void> keep_outcome(const Outcome& outcome, nlohmann::json edit);
  void forget_kept();
  awaitable<void> write_last_words();
  awaitable<std::optional<Outcome>> start();
  awaitable<std::optional<Outcome>> look_again(const cimi::Reply& after, bool& ours);
  awaitable<ActionEnd> perform();
  awaitable<std::shared_ptr<ActionHost>> borrow_host(HostWish wish, std::string& failure);
  RetrySituation retry_situation() const;
  awaitable<Outcome> keep_retry(Outcome retry, ActionEnd end);
  awaitable<Outcome> record(Outcome outcome);
  awaitable<Outcome> settle_conflict(Outcome wanted, cimi::Reply refusal, bool maybe_ours,
                                     bool& go_on);
  void adopt(cimi::Reply reply);
  Situation situation() const;
  std::shared_ptr<RunLog> open_log() const;
  nlohmann::json final_edit(const Outcome& outcome);

  const RunServices& services_;
  const Hold& hold_;
  RunRequest request_;

  std::optional<job::Job> job_;
  std::string document_;  // its text, until the action has it; empty: to be made of job_
  std::shared_ptr<const CatalogEntry> action_;  // null: not offered here
  std::string etag_;          // of the job as this run knows it; empty when the API gives none
  bool was_running_ = false;  // before this run: an earlier attempt did not end cleanly
  std::optional<JobReport> report_;
  std::string output_;  // the last lines of the action, once it has ended
  StopOrder order_;
  runtime::Event ending_;
};

}  // namespace jobengine::executor
