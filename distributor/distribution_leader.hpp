// What the leader of a distribution does: waits for ticks, claims each in the ledger before its
// jobs are created and closes it afterwards, and finishes what a predecessor left open.
#pragma once

#include <functional>

#include "common/election/leadership.hpp"
#include "common/zookeeper/session.hpp"
#include "distributor/distribution.hpp"
#include "distributor/distribution_metrics.hpp"
#include "distributor/schedule/tick_ledger.hpp"

namespace jobengine::distributor {

// Lives on the loop. Session, distribution and metrics must outlive it. To be destroyed after the
// session was closed, as requests to ZooKeeper that were given up still refer to it.
class DistributionLeader {
 public:
  DistributionLeader(zookeeper::Session& session, Distribution& distribution,
                     DistributionMetrics& metrics);

  // Returns soon after `over` is raised. `may_write`: does this leadership still hold? Throws
  // Failure when the ledger cannot be used; leadership should then be given up.
  awaitable<void> lead(std::function<bool()> may_write, runtime::Event& over);

 private:
  awaitable<void> lead_with_ledger(std::function<bool()> may_write, runtime::Event& over);
  awaitable<void> lead_without_ledger(std::function<bool()> may_write, runtime::Event& over);
  // Waits for the tick after the one that is kept and claims it. Nothing when over, or somebody
  // else was quicker.
  awaitable<std::optional<LedgerEntry>> claim_next(LedgerEntry kept,
                                                   std::function<bool()> may_write,
                                                   runtime::Event& over);
  // Creates the tick's jobs and closes it, or leaves it open.
  awaitable<void> finish(LedgerEntry kept, Pass pass);
  NextTick tick_after(const LedgerEntry& kept) const;
  // Both: false when `over` was raised first.
  awaitable<bool> wait_until_start(Instant tick, runtime::Event& over);
  awaitable<bool> wait_for(Instant start, runtime::Event& over);
  awaitable<PassOutcome> work_on(Pass pass);
  Instant start_of_next(Instant tick) const;
  // Until when an open tick is worked on.
  Instant give_up_at(Instant tick) const;

  Distribution& distribution_;
  DistributionMetrics& metrics_;
  TickLedger ledger_;
};

}  // namespace jobengine::distributor
