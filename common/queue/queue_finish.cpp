// How locks end: consume and release. An answer that was lost is resolved by looking.
#include "common/queue/queue_core.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::ZnodeError;

}  // namespace

awaitable<FinishOutcome> QueueCore::consume(TakenEntry entry) {
  auto self = shared_from_this();
  const EntryName name = entry.name();
  bool maybe_done = false;
  // The lock ends with its session.
  while (same_epoch(entry.epoch())) {
    std::vector<zookeeper::Operation> operations;
    operations.push_back(zookeeper::remove_operation(entry_path(name), entry.attempt()));
    operations.push_back(zookeeper::remove_operation(lock_path(name)));
    const auto reply = co_await session().multi(std::move(operations), entry.epoch());
    if (reply.error == ZnodeError::Ok) {
      view_.drop(name);
      co_return FinishOutcome::Done;
    }
    if (!zookeeper::outcome_unknown(reply.error)) break;
    maybe_done = true;
    if (reply.error == ZnodeError::SessionLost) break;
    const Look look = co_await look_at(name);
    const bool still_ours = look.lock == Lock::Ours && look.version == entry.attempt();
    if (!look.entry_exists || !still_ours) break;
  }
  view_.drop(name);
  if (!maybe_done || closed()) co_return FinishOutcome::NotOurs;
  const Look look = co_await look_at(name);
  co_return look.entry_exists ? FinishOutcome::NotOurs : FinishOutcome::Done;
}

awaitable<FinishOutcome> QueueCore::release(TakenEntry entry, runtime::TimePoint not_before) {
  auto self = shared_from_this();
  const EntryName name = entry.name();
  FinishOutcome outcome = FinishOutcome::NotOurs;
  while (same_epoch(entry.epoch())) {
    // A multi of one, because only a multi can be bound to the session of the lock.
    std::vector<zookeeper::Operation> operations;
    operations.push_back(zookeeper::remove_operation(lock_path(name)));
    const auto reply = co_await session().multi(std::move(operations), entry.epoch());
    if (reply.error == ZnodeError::Ok) outcome = FinishOutcome::Done;
    if (reply.error != ZnodeError::ConnectionLoss) break;
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
