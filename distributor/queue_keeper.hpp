// Keeps queue and store together: pushes jobs that have no entry, feeds in those that waited for
// room, removes entries that serve nothing. What it decides:
// common/repair/repair_plan.hpp.
#pragma once

#include <string>
#include <vector>

#include "common/cimi/client.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/repair/queue_look.hpp"
#include "distributor/api_search.hpp"
#include "distributor/distribution.hpp"
#include "distributor/distribution_metrics.hpp"

namespace jobengine::distributor {

struct KeeperOptions {
  TickSchedule schedule;
  repair::RepairLimits limits;
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
  awaitable<bool> look_and_repair(const Pass& pass);
  awaitable<void> push(std::vector<repair::Push> pushes, const Pass& pass);
  awaitable<void> remove(std::vector<repair::Removal> removals, const Pass& pass);
  awaitable<void> sweep_records(const Pass& pass);
  awaitable<bool> wait_for_room(const Pass& pass);
  void publish(const repair::Sight& sight, const repair::RepairPlan& plan);

  const std::string name_;
  KeeperOptions options_;
  cimi::Client& client_;
  queue::LockingQueue& queue_;
  repair::QueueLook look_;
  telemetry::Metrics& all_metrics_;
  DistributionMetrics& metrics_;
  telemetry::Gauge& entries_gauge_;
  telemetry::Gauge& waiting_gauge_;
  telemetry::Counter& pushed_;

  repair::Suspicions suspicions_;
  std::size_t waiting_ = 0;
};

}  // namespace jobengine::distributor
