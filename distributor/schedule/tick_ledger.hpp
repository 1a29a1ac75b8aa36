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
  Instant last;
  bool open = false;         // its jobs may not all have been created
  std::int32_t version = 0;  // of the znode: who writes must have seen the latest
};

// Bytes of the node. Pure. Nothing for bytes that are no such entry.
std::string encode(const LedgerEntry& entry);
std::optional<LedgerEntry> decode(std::string_view data, std::int32_t version);

// Lives on the loop. The session must outlive it.
class TickLedger {
 public:
  TickLedger(zookeeper::Session& session, std::string distribution);

  const std::string& path() const { return path_; }

  // What is kept; nothing when no tick ever was, or what is there is garbage (which is logged and
  // then overwritten). Throws Failure when ZooKeeper refuses, and when the session is lost.
  awaitable<std::optional<LedgerEntry>> read();

  // Replaces `seen` (nothing: there was none) by {last, open}. Nothing when somebody else wrote
  // since, or the outcome is unknown: read again, and only if still leading. Throws Failure when
  // ZooKeeper refuses.
  awaitable<std::optional<LedgerEntry>> write(std::optional<LedgerEntry> seen, Instant last,
                                              bool open);

 private:
  zookeeper::Session& session_;
  std::string path_;
  std::optional<std::int32_t> garbage_version_;  // of an unreadable node, to be overwritten
};

}  // namespace jobengine::distributor
