// kazoo's LockingQueue, wire-compatible, with versions as fencing tokens. The bytes: README.md
// beside this file.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/queue/entry_name.hpp"
#include "common/queue/queue_counters.hpp"
#include "common/queue/taken_entry.hpp"
#include "common/runtime/event.hpp"
#include "common/zookeeper/session.hpp"

namespace jobengine::queue {

struct QueueOptions {
  std::string root = "/job";
  // Data of our taken nodes: 32 lower-case hex digits, one per process. Empty: random.
  std::string taker_id;
  // How many entries of the most urgent priority a take chooses among at random.
  std::size_t head_window = 64;
  // A refresh of the view that took t is followed by none for this many times t.
  double refresh_spacing = 20.0;
};

// What put() knows afterwards.
enum class PutOutcome {
  Done,
  // The connection was lost and looking did not find the entry: it was consumed already, or never
  // made. The caller must not repeat; the queue keeper repairs from the store.
  Unknown,
};
struct PutReply {
  PutOutcome outcome = PutOutcome::Done;
  std::string path;  // full znode path, "/job/entries/entry-050-0000000012"; empty when Unknown
};

enum class FinishOutcome {
  Done,
  // The lock was not ours any more (session over, entry gone or taken again): nothing was changed.
  NotOurs,
};

// Locks on other entries of one's job. Of two holders the later one sees the earlier one for
// certain, so that exactly one of them yields when both ask for the earlier ones.
enum class Rivals { Earlier, All };

struct PutRequest {
  std::string job_id;
  int priority = lowest_urgency;
};

struct ListedEntry {
  EntryName name;
  bool taken = false;
};

struct Holder {
  EntryName name;
  std::string taker_id;
  std::int64_t session_id = 0;
  std::int64_t since_ms = 0;  // wall clock of the server
};

struct Depth {
  std::size_t entries = 0;
  std::size_t taken = 0;
};

class QueueCore;

// Lives on the loop. Any number of calls may be outstanding together. The session must outlive it.
// All but take() throw Failure when the session is closed meanwhile, or ZooKeeper refuses (ACLs, an
// entry of more than a megabyte).
class LockingQueue {
 public:
  LockingQueue(zookeeper::Session& session, QueueOptions options = {});
  ~LockingQueue();
  LockingQueue(const LockingQueue&) = delete;
  LockingQueue& operator=(const LockingQueue&) = delete;

  const std::string& taker_id() const;

  // ---- producers. Create the queue's folders when they are missing. While ZooKeeper is away they
  // wait: bound them with runtime::until(); a put given up so may still happen.
  awaitable<PutReply> put(std::string job_id, int priority);
  // In multis of bounded size, several under way at a time; entries and replies are in the order of
  // the requests. When it throws, some may have been put.
  awaitable<std::vector<PutReply>> put_all(std::vector<PutRequest> requests);

  // ---- takers
  // Waits for an entry and locks it; nothing only when `stop` is raised. Survives session loss.
  awaitable<std::optional<TakenEntry>> take(runtime::Event& stop);

  // Locks this very entry if it is free, waiting for nothing but answers; nothing when it is not,
  // or is gone.
  awaitable<std::optional<TakenEntry>> take_named(EntryName name);

  // Deletes entry, lock and, if there is one, the attempt record in one multi, guarded by the
  // version the take left and by its epoch.
  // Retries over connection loss, by looking first. NotOurs is an expected outcome after a lost
  // lease.
  awaitable<FinishOutcome> consume(TakenEntry entry);
  // Gives the lock back; the entry keeps its place. This process does not take it again before
  // `not_before` (a local back-off, so that what cannot run here neither spins nor blocks what is
  // behind it).
  awaitable<FinishOutcome> release(TakenEntry entry, runtime::TimePoint not_before = {});

  // Writes the entry's attempt record, and knows it afterwards as entry.record(); `job` is set
  // here. NotOurs: nothing was written, or the session is over. The entry may be finished, or
  // dropped, while this is under way.
  awaitable<FinishOutcome> keep_record(const TakenEntry& entry, AttemptRecord record);
  // release() and keep_record() in one: both happen or neither.
  awaitable<FinishOutcome> release_with(TakenEntry entry, AttemptRecord record,
                                        runtime::TimePoint not_before = {});

  // Whether the lock is certainly still ours: same epoch and lease valid, and nobody was seen to
  // have removed it.
  bool holds(const TakenEntry& entry) const;

  // Waits until somebody else removes the lock (a queue that is wiped, a hand in the wrong place),
  // or `ended` is raised, which the one who finishes the entry must do; returns true when it is
  // gone, and holds() is false from then on. The entry may be finished while this is under way.
  // Costs a read and a watch.
  awaitable<bool> lock_removed(const TakenEntry& entry, std::shared_ptr<runtime::Event> ended);

  // Whether another entry of the same job is locked, by whoever: this one is a duplicate, and
  // somebody else is at work on the job. Costs a listing of the locks, and a read for each that was
  // not read before.
  awaitable<bool> taken_elsewhere(const TakenEntry& entry, Rivals which);

  // Why nothing can be taken although ZooKeeper is there (rights, a folder that cannot be listed);
  // empty: nothing is known to be wrong.
  const std::string& trouble() const;

  // Since the queue was made.
  const QueueCounters& counters() const;

  // ---- observers (queue keeper, jobctl, metrics)
  awaitable<Depth> depth();
  // In the order of service.
  awaitable<std::vector<ListedEntry>> list();
  awaitable<std::vector<Holder>> holders();
  // The entry's bytes; nothing when it is gone.
  awaitable<std::optional<std::string>> data_of(EntryName name);
  // Removes an entry nobody has taken (dead entries); false when it is taken or gone.
  awaitable<bool> remove_untaken(EntryName name);
  // Removes attempt records whose entry is gone (Python peers consume entries without them), at
  // most so many; returns how many.
  awaitable<std::size_t> sweep_attempt_records(std::size_t most = 100);

 private:
  std::shared_ptr<QueueCore> core_;  // shared with what still runs for a call that was given up
};

}  // namespace jobengine::queue
