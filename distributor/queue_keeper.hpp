// Keeps queue and store together: pushes jobs that have no entry, feeds in those that waited for
// room, removes entries that serve nothing. What it decides: repair_plan.hpp.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/cimi/client.hpp"
#include "common/queue/locking_queue.hpp"
#include "distributor/api_search.hpp"
#include "distributor/distribution.hpp"
#include "distributor/distribution_metrics.hpp"
#include "distributor/repair_plan.hpp"

namespace jobengine::distributor {

struct KeeperOptions {
  TickSchedule schedule;
  RepairLimits limits;
};

// Lives on the loop. Client, queue and metrics must outlive it.
class QueueKeeper final : public Distribution {
 public:
  QueueKeeper(KeeperOptions options, cimi::Client& client, queue::LockingQueue& queue,
              telemetry::Metrics& all_metrics, DistributionMetrics& metrics);

  const std::string& name() const override { return name_; }
  const TickSchedule& schedule() const override { return options_.schedule; }
  // Repairs may be repeated at will; there is nothing to remember.
  bool keeps_ticks() const override { return false; }
  // One look at queue and store, and the repairs. While jobs wait for room it looks again before
  // the next tick, as soon as the queue has drained.
  awaitable<PassOutcome> distribute(Pass pass) override;

 private:
  struct View {
    std::vector<QueueEntry> entries;
    std::vector<WaitingJob> jobs;
  };

  awaitable<bool> look_and_repair(const Pass& pass);
  // Nothing: the pass ended.
  awaitable<std::optional<View>> look(const Pass& pass);
  awaitable<bool> read_entries(View& view, const Pass& pass);
  awaitable<bool> read_data(std::vector<queue::EntryName> names, const Pass& pass);
  awaitable<void> read_some(std::vector<queue::EntryName>& names, const Pass& pass);
  awaitable<bool> read_jobs(View& view, const Pass& pass);
  awaitable<bool> judge_entries(View& view, const Pass& pass);
  awaitable<void> push(std::vector<Push> pushes, const Pass& pass);
  awaitable<void> remove(std::vector<Removal> removals, const Pass& pass);
  awaitable<void> sweep_records(const Pass& pass);
  awaitable<bool> wait_for_room(const Pass& pass);
  void publish(const View& view, const RepairPlan& plan);

  const std::string name_;
  KeeperOptions options_;
  cimi::Client& client_;
  queue::LockingQueue& queue_;
  telemetry::Metrics& all_metrics_;
  DistributionMetrics& metrics_;
  telemetry::Gauge& entries_gauge_;
  telemetry::Gauge& waiting_gauge_;
  telemetry::Counter& pushed_;

  // Job ids of the entries that are there, so that each entry is read once. "": garbage.
  std::map<queue::EntryName, std::string> data_;
  // When the job of an entry was last looked up; those unseen the longest go first.
  std::map<queue::EntryName, std::uint64_t> judged_;
  std::uint64_t passes_ = 0;
  Suspicions suspicions_;
  std::size_t waiting_ = 0;
};

}  // namespace jobengine::distributor
