#include "distributor/queue_keeper.hpp"

#include <algorithm>

#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"
#include "distributor/distribution_settings.hpp"
#include "distributor/interruptible.hpp"

namespace jobengine::distributor {

using repair::Push;
using repair::Removal;

namespace {

// Bounds the time for which a lost lease could go unnoticed between two checks.
constexpr std::size_t pushes_at_once = 500;

}  // namespace

QueueKeeper::QueueKeeper(KeeperOptions options, cimi::Client& client, queue::LockingQueue& queue,
                         telemetry::Metrics& all_metrics, DistributionMetrics& metrics)
    : name_(keeper_name),
      options_(std::move(options)),
      client_(client),
      queue_(queue),
      look_(queue, options_.limits.capacity),
      all_metrics_(all_metrics),
      metrics_(metrics),
      entries_gauge_(all_metrics.gauge("jobengine_queue_entries",
                                       "Entries in the queue, as the keeper last saw it")),
      waiting_gauge_(all_metrics.gauge("jobengine_queue_waiting_for_room",
                                       "Jobs in the store that wait for room in the queue")),
      pushed_(all_metrics.counter("jobengine_queue_keeper_pushed_total",
                                  "Entries made for jobs that had none")) {}

awaitable<PassOutcome> QueueKeeper::distribute(Pass pass) {
  for (;;) {
    const bool looked = co_await look_and_repair(pass);
    if (!looked) co_return PassOutcome::Unfinished;
    if (waiting_ == 0) co_return PassOutcome::Done;
    const bool room = co_await wait_for_room(pass);
    if (!room) co_return PassOutcome::Done;
  }
}

awaitable<bool> QueueKeeper::wait_for_room(const Pass& pass) {
  const std::size_t low = options_.limits.capacity - options_.limits.capacity / 4;
  for (;;) {
    const bool go_on = co_await wait_for_retry(std::chrono::seconds(1), pass);
    if (!go_on) co_return false;
    auto asked = queue_.depth();
    const auto depth = co_await unless(*pass.over, std::move(asked));
    if (!depth) co_return false;
    if (depth->entries <= low) co_return true;
  }
}

awaitable<bool> QueueKeeper::look_and_repair(const Pass& pass) {
  const repair::FindJobs find = [this, &pass](cimi::Search search) {
    return find_page(client_, "job", std::move(search), pass);
  };
  const auto sight = co_await look_.look(find, suspicions_, *pass.over);
  if (!sight) co_return false;
  auto plan = repair::plan_repair(sight->entries, sight->jobs, suspicions_, options_.limits, now());
  suspicions_ = std::move(plan.suspicions);
  waiting_ = plan.waiting_for_room;
  publish(*sight, plan);
  co_await push(std::move(plan.pushes), pass);
  co_await remove(std::move(plan.removals), pass);
  co_await sweep_records(pass);
  co_return !pass.over->raised();
}

awaitable<void> QueueKeeper::push(std::vector<Push> pushes, const Pass& pass) {
  for (std::size_t start = 0; start < pushes.size(); start += pushes_at_once) {
    if (pass.over->raised() || !pass.may_write()) co_return;
    const std::size_t end = std::min(start + pushes_at_once, pushes.size());
    std::vector<queue::PutRequest> requests;
    for (std::size_t i = start; i < end; ++i) {
      requests.push_back(queue::PutRequest{pushes[i].job_id, pushes[i].priority});
    }
    JE_CRASH_POINT("keeper.push.before");
    auto asked = queue_.put_all(std::move(requests));
    const auto replies = co_await unless(*pass.over, std::move(asked));
    JE_CRASH_POINT("keeper.push.after");
    if (!replies) co_return;
    pushed_.add(static_cast<double>(replies->size()));
  }
  if (!pushes.empty()) {
    telemetry::info("pushed jobs that had no entry",
                    {{"jobs", pushes.size()}, {"first", pushes.front().job_id}});
  }
}

awaitable<void> QueueKeeper::remove(std::vector<Removal> removals, const Pass& pass) {
  for (const Removal& removal : removals) {
    if (pass.over->raised() || !pass.may_write()) co_return;
    JE_CRASH_POINT("keeper.remove.before");
    auto asked = queue_.remove_untaken(removal.name);
    const auto removed = co_await unless(*pass.over, std::move(asked));
    JE_CRASH_POINT("keeper.remove.after");
    if (!removed) co_return;
    if (!*removed) continue;
    const std::string reason = text(removal.trouble);
    all_metrics_
        .counter("jobengine_queue_keeper_removed_total",
                 "Entries removed, by what was wrong with them", {{"reason", reason}})
        .add();
    telemetry::info("removed a dead entry", {{"entry", removal.name.text()}, {"reason", reason}});
  }
}

// Executors of other makes consume entries without the records our executors keep beside them.
awaitable<void> QueueKeeper::sweep_records(const Pass& pass) {
  if (pass.over->raised() || !pass.may_write()) co_return;
  auto asked = queue_.sweep_attempt_records();
  const auto swept = co_await unless(*pass.over, std::move(asked));
  if (swept && *swept > 0) {
    telemetry::info("removed attempt records whose entries are gone", {{"records", *swept}});
  }
}

void QueueKeeper::publish(const repair::Sight& sight, const repair::RepairPlan& plan) {
  entries_gauge_.set(static_cast<double>(sight.entries.size()));
  waiting_gauge_.set(static_cast<double>(plan.waiting_for_room));
  metrics_.publish("entries", sight.entries.size());
  metrics_.publish("pushed", plan.pushes.size());
  metrics_.publish("removed", plan.removals.size());
  metrics_.publish("waiting_for_room", plan.waiting_for_room);
}

}  // namespace jobengine::distributor
