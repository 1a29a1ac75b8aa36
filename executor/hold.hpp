// What entitles a run to act on its job: the lock on a queue entry (entry_hold.hpp), or, in pull
// mode, the edge's word.
#pragma once

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
};

class PullHold final : public Hold {
 public:
  bool holds() const override { return true; }
  LeaseStamp lease() const override { return 0; }
  runtime::Duration margin() const override { return runtime::Duration::zero(); }
};

// The clock of leases, now.
LeaseStamp lease_clock_now();

}  // namespace jobengine::executor
