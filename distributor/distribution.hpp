// What a distributor runs: something that is due at ticks. Implemented by ConfiguredDistribution
// (creates jobs) and QueueKeeper (repairs the queue).
#pragma once

#include <functional>
#include <string>

#include "common/runtime/event.hpp"
#include "distributor/schedule/misfire.hpp"
#include "distributor/schedule/tick_schedule.hpp"

namespace jobengine::distributor {

// One tick being worked on by the leader.
struct Pass {
  Instant tick;
  // Somebody began with this tick before: some of its jobs may exist.
  bool resumed = false;
  // When the next tick is due; what cannot be done until then is left to it. Instant::max(): never,
  // each tick counts by itself.
  Instant give_up_at;
  // Asked before each write: do we still lead, with a valid lease?
  std::function<bool()> may_write;
  // Raised when leadership ends or the program stops. Outlives the pass.
  runtime::Event* over = nullptr;
};

enum class PassOutcome {
  Done,
  Unfinished,  // over, or given up until the next tick
};

// Lives on the loop.
class Distribution {
 public:
  virtual ~Distribution() = default;

  // Also names its election and its entry in the ledger.
  virtual const std::string& name() const = 0;
  virtual const TickSchedule& schedule() const = 0;
  virtual Misfire misfire() const { return Misfire::Once; }
  // Whether a failover must neither repeat nor forget a tick. If not, the first tick is when
  // leadership begins.
  virtual bool keeps_ticks() const = 0;
  // Returns soon after the pass is over. Throws Failure when this tick can never succeed (the API
  // refuses the filter); the next tick is tried all the same.
  virtual awaitable<PassOutcome> distribute(Pass pass) = 0;
};

}  // namespace jobengine::distributor
