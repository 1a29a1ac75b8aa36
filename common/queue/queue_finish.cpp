// How locks end: consume and release. An answer that was lost is resolved by looking.
#include "common/queue/queue_core.hpp"
#include "common/runtime/crash_point.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::ZnodeError;

}  // namespace

awaitable<FinishOutcome> QueueCore::consume(TakenEntry entry) {
  auto self = shared_from_this();
  const EntryName name = entry.name();
  FinishOutcome outcome = FinishOutcome::NotOurs;
  bool maybe_done = false;
  // The lock ends with its session. What has its name once it was removed is somebody else's.
  while (same_epoch(entry.epoch()) && !entry.kept()->lock_gone) {
    std::vector<zookeeper::Operation> operations;
    operations.push_back(zookeeper::remove_operation(entry_path(name), entry.attempt()));
    operations.push_back(zookeeper::remove_operation(lock_path(name)));
    const bool with_record = entry.kept()->exists;
    if (with_record) operations.push_back(zookeeper::remove_operation(record_path(name)));
    JE_CRASH_POINT("executor.consume.before");
    const auto reply = co_await share(std::move(operations), entry.epoch());
    JE_CRASH_POINT("executor.consume.after");
    if (with_record && failed_operation(reply) == 2 && reply.error == ZnodeError::NoNode) {
      entry.kept()->exists = false;
      continue;
    }
    const bool unknown = zookeeper::outcome_unknown(reply.error);
    if (reply.error == ZnodeError::Ok) outcome = FinishOutcome::Done;
    if (reply.error == ZnodeError::Ok) break;
    maybe_done = maybe_done || unknown;
    const bool refused = reply.error == ZnodeError::BadVersion || reply.error == ZnodeError::NoNode;
    if (!unknown && !refused) break;
    const Look look = co_await look_at(name);
    const bool locked = look.lock == Lock::Ours;
    const bool unchanged = look.entry_exists && look.version == entry.attempt();
    if (locked && unchanged && unknown) continue;
    if (maybe_done && !look.entry_exists) outcome = FinishOutcome::Done;
    // Somebody changed or deleted the entry under our lock: what is left of it blocks nobody.
    if (locked) co_await remove_lock(name, entry.epoch());
    maybe_done = false;
    break;
  }
  view_.drop(name);
  if (maybe_done) {
    const Look look = co_await look_at(name);
    if (!look.entry_exists) outcome = FinishOutcome::Done;
  }
  if (outcome == FinishOutcome::Done) ++counters_.consumes;
  co_return outcome;
}

// A multi of one, because only a multi can be bound to the session of the lock.
awaitable<ZnodeError> QueueCore::remove_lock(EntryName name, zookeeper::Epoch epoch) {
  std::vector<zookeeper::Operation> operations;
  operations.push_back(zookeeper::remove_operation(lock_path(name)));
  const auto reply = co_await share(std::move(operations), epoch);
  co_return reply.error;
}

awaitable<FinishOutcome> QueueCore::release(TakenEntry entry, runtime::TimePoint not_before) {
  auto self = shared_from_this();
  const EntryName name = entry.name();
  FinishOutcome outcome = FinishOutcome::NotOurs;
  while (same_epoch(entry.epoch()) && !entry.kept()->lock_gone) {
    JE_CRASH_POINT("executor.release.before");
    const auto error = co_await remove_lock(name, entry.epoch());
    JE_CRASH_POINT("executor.release.after");
    if (error == ZnodeError::Ok) outcome = FinishOutcome::Done;
    if (error != ZnodeError::ConnectionLoss) break;
    const Look look = co_await look_at(name);
    if (look.lock == Lock::Ours) continue;
    outcome = FinishOutcome::Done;
    break;
  }
  if (outcome == FinishOutcome::Done) {
    view_.put_back(name, not_before);
    view_changed();
  } else {
    view_.drop(name);
  }
  co_return outcome;
}

}  // namespace jobengine::queue
