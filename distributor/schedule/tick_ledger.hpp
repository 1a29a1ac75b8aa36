// The last tick of each distribution, kept in ZooKeeper so that a failover neither repeats nor
// forgets one: /distributor/ticks/<name>, persistent, {"last": "<instant>"}. While the jobs of a
// tick are being created it also says "open": true; whoever finds it open finishes that tick, after
// looking at which of its jobs exist. Nuvla's engine knows nothing of this node.
#pragma once

#include <optional>
#include <string>

#include "common/zookeeper/session.hpp"
#include "distributor/schedule/instant.hpp"

namespace jobengine::distributor {

struct LedgerEntry {
  std::optional<Instant> last;  // nothing: no tick was ever kept, or what is there is garbage
  bool open = false;            // its jobs may not all have been created
  // Of the znode, nothing when it does not exist: who writes must have seen the latest.
  std::optional<std::int32_t> version;
};

// Bytes of the node. Pure.
std::string encode(Instant last, bool open);
LedgerEntry decode(std::string_view data, std::int32_t version);

// Lives on the loop. A call that is given up goes on, so session and ledger must outlive what was
// asked of them.
class TickLedger {
 public:
  TickLedger(zookeeper::Session& session, std::string distribution);

  const std::string& path() const { return path_; }

  // Throws Failure when ZooKeeper refuses, and when the session is lost.
  awaitable<LedgerEntry> read();

  // Replaces what was `seen` and returns what is kept now. Nothing when somebody else wrote since,
  // or the outcome is unknown: read again, and only if still leading. Throws Failure when ZooKeeper
  // refuses.
  awaitable<std::optional<LedgerEntry>> write(LedgerEntry seen, Instant last, bool open);

 private:
  zookeeper::Session& session_;
  const std::string path_;
};

}  // namespace jobengine::distributor
