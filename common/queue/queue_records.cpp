// The attempt records of entries we hold: read by the take, written under the lock. An answer that
// was lost is resolved by looking.
#include <cstddef>

#include "common/queue/queue_core.hpp"
#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::ZnodeError;

[[noreturn]] void cannot_write(const std::string& path, ZnodeError error) {
  throw runtime::Failure("cannot write " + path + ": " + std::string(zookeeper::text(error)));
}

}  // namespace

RecordWrite::RecordWrite(const TakenEntry& entry, AttemptRecord kept_record)
    : name(entry.name()),
      attempt(entry.attempt()),
      epoch(entry.epoch()),
      kept(entry.kept()),
      record(std::move(kept_record)),
      text(text_of(record)) {}

// Nobody keeps a record of an entry that was never taken. Nothing when the lock is lost meanwhile.
awaitable<std::optional<TakenEntry>> QueueCore::with_record(std::optional<TakenEntry> entry) {
  if (!entry || entry->attempt() <= 1) co_return entry;
  const bool ours = co_await learn_record(*entry);
  if (!ours) {
    view_.drop(entry->name());
    entry.reset();
  }
  co_return entry;
}

// False when the lock is lost meanwhile.
awaitable<bool> QueueCore::learn_record(TakenEntry& entry) {
  zookeeper::DataReply read;
  do {
    if (!same_epoch(entry.epoch())) co_return false;
    read = co_await session().get(record_path(entry.name()));
  } while (read.error == ZnodeError::ConnectionLoss);
  if (!same_epoch(entry.epoch())) co_return false;
  HeldEntry& kept = *entry.kept();
  if (read.error == ZnodeError::NoNode) co_return true;
  kept.exists = true;
  if (read.error != ZnodeError::Ok) {
    kept.complaint = "it cannot be read: " + std::string(text(read.error));
    co_return true;
  }
  kept.record = parse_attempt_record(read.data, kept.complaint);
  if (kept.record && kept.record->job != entry.data()) {
    kept.complaint = "it is of another job, " + kept.record->job;
    kept.record.reset();
  }
  co_return true;
}

awaitable<FinishOutcome> QueueCore::keep_record(RecordWrite write) {
  return write_record(std::move(write), false);
}

awaitable<FinishOutcome> QueueCore::release_with(RecordWrite write, runtime::TimePoint not_before) {
  auto self = shared_from_this();
  const EntryName name = write.name;
  const auto epoch = write.epoch;
  JE_CRASH_POINT("executor.release.before");
  const auto held = write.kept;
  FinishOutcome outcome = FinishOutcome::NotOurs;
  std::exception_ptr failure;
  try {
    outcome = co_await write_record(std::move(write), true);
  } catch (const runtime::Failure&) {
    failure = std::current_exception();
  }
  JE_CRASH_POINT("executor.release.after");
  if (outcome == FinishOutcome::Done) {
    view_.put_back(name, not_before);
    view_changed();
    co_return outcome;
  }
  view_.drop(name);
  if (!same_epoch(epoch) || held->lock_gone) co_return outcome;
  // Somebody changed or deleted the entry under our lock: what is left of it blocks nobody.
  const Look look = co_await look_at(name);
  if (look.lock == Lock::Ours) co_await remove_lock(name, epoch);
  if (failure) std::rethrow_exception(failure);
  co_return outcome;
}

awaitable<FinishOutcome> QueueCore::write_record(RecordWrite write, bool release) {
  auto self = shared_from_this();
  RecordStep step = RecordStep::Again;
  while (step == RecordStep::Again) {
    step = RecordStep::NotOurs;
    // The lock ends with its session.
    const bool ours = same_epoch(write.epoch) && !write.kept->lock_gone;
    if (ours) step = co_await try_to_write(write, release);
  }
  if (step == RecordStep::NotOurs) co_return FinishOutcome::NotOurs;
  write.kept->record = std::move(write.record);
  write.kept->complaint.clear();
  co_return FinishOutcome::Done;
}

// The check fences it: the next take raises the entry's version.
awaitable<QueueCore::RecordStep> QueueCore::try_to_write(RecordWrite& write, bool release) {
  const std::string path = record_path(write.name);
  const bool exists = write.kept->exists;
  std::vector<zookeeper::Operation> operations;
  operations.push_back(zookeeper::check_operation(entry_path(write.name), write.attempt));
  operations.push_back(
      exists ? zookeeper::set_operation(path, write.text)
             : zookeeper::create_operation(path, write.text, zookeeper::CreateMode::Persistent));
  if (release) operations.push_back(zookeeper::remove_operation(lock_path(write.name)));
  // What is sent after this finds it there, most likely.
  write.kept->exists = true;
  // What only writes goes at once: it must not be overtaken by what its entry is finished with.
  zookeeper::MultiReply reply;
  if (release) {
    reply = co_await share(std::move(operations), write.epoch);
  } else {
    reply = co_await send(std::move(operations), write.epoch);
  }
  if (reply.error == ZnodeError::Ok) co_return RecordStep::Done;
  if (zookeeper::outcome_unknown(reply.error)) co_return co_await look_for_record(write, release);
  const auto failed = failed_operation(reply);
  if (failed != 1) write.kept->exists = exists;
  const bool refused = reply.error == ZnodeError::BadVersion || reply.error == ZnodeError::NoNode;
  if (failed && *failed != 1 && refused) co_return RecordStep::NotOurs;
  if (failed == 1 && reply.error == ZnodeError::NodeExists) co_return RecordStep::Again;
  if (failed == 1 && reply.error == ZnodeError::NoNode) {
    // Swept, or made never: or there is no folder yet.
    write.kept->exists = false;
    if (!exists) co_await zookeeper::ensure_path(session(), attempts_path_);
    co_return RecordStep::Again;
  }
  write.kept->exists = exists;
  cannot_write(path, reply.error);
}

awaitable<QueueCore::RecordStep> QueueCore::look_for_record(RecordWrite& write, bool release) {
  if (!same_epoch(write.epoch)) co_return RecordStep::NotOurs;
  const Look look = co_await look_at(write.name);
  const auto read = co_await session().get(record_path(write.name));
  if (!same_epoch(write.epoch)) co_return RecordStep::NotOurs;
  if (release) co_return look.lock == Lock::Ours ? RecordStep::Again : RecordStep::Done;
  if (zookeeper::outcome_unknown(read.error)) co_return RecordStep::Again;
  write.kept->exists = read.error == ZnodeError::Ok;
  const bool kept = write.kept->exists && read.data == write.text;
  const bool ours = look.lock == Lock::Ours && look.version == write.attempt;
  if (kept && ours) co_return RecordStep::Done;
  co_return ours ? RecordStep::Again : RecordStep::NotOurs;
}

}  // namespace jobengine::queue
