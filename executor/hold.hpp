// What entitles a run to act on its job: the lock on a queue entry (entry_hold.hpp), or, in pull
// mode, the edge's word.
#pragma once

#include "common/queue/locking_queue.hpp"
#include "common/runtime/asio.hpp"
#include "executor/hosts/host_message.hpp"

namespace jobengine::executor {

class Hold {
 public:
  virtual ~Hold() = default;
  // Whether the job is certainly still ours. To be asked before everything that is written.
  virtual bool holds() const = 0;
  // Until when the action may run, whatever becomes of this process; 0: without end.
  virtual LeaseStamp lease() const = 0;
  // How long before the end of the lease an action is asked to stop.
  virtual runtime::Duration margin() const = 0;
  // Whether somebody else is at work on the job, by way of another entry of it.
  virtual awaitable<bool> taken_elsewhere(queue::Rivals which) const = 0;
};

class PullHold final : public Hold {
 public:
  bool holds() const override { return true; }
  LeaseStamp lease() const override { return 0; }
  runtime::Duration margin() const override { return runtime::Duration::zero(); }
  awaitable<bool> taken_elsewhere(queue::Rivals) const override { co_return false; }
};

// The clock of leases, now.
LeaseStamp lease_clock_now();

}  // namespace jobengine::executor
