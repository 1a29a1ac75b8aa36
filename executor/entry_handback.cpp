#include "executor/entry_handback.hpp"

#include <algorithm>
#include <utility>

#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::executor {

namespace {

using runtime::Clock;
using WallClock = std::chrono::system_clock;

// Then it is taken and looked at anew: clocks are set, and records edited.
constexpr auto longest_parking = std::chrono::hours(1);
// How soon an entry that is parked and lost is forgotten.
constexpr auto parking_look = std::chrono::seconds(30);

// Entries without a job that are looked after outside the slots at one time.
constexpr std::size_t most_awaited_documents = 100;

// An entry is not to blame for an API that is away: soon after its return, its job is run.
constexpr runtime::Duration longest_api_backoff = std::chrono::seconds(30);

}  // namespace

EntryHandback::EntryHandback(zookeeper::Session& session, queue::LockingQueue& queue,
                             WatchedClient& client, runtime::TaskGroup& background,
                             runtime::Event& draining, HandbackLimits limits)
    : session_(session),
      queue_(queue),
      client_(client),
      background_(background),
      draining_(draining),
      limits_(std::move(limits)) {}

awaitable<void> EntryHandback::finish(queue::TakenEntry entry, Outcome outcome) {
  const queue::EntryName name = entry.name();
  if (outcome.fate == EntryFate::AwaitDocument && !draining_.raised() &&
      awaited_documents_ < most_awaited_documents) {
    ++awaited_documents_;
    background_.spawn(await_document(std::move(entry)));
    co_return;
  }
  const auto waits_until = not_before(entry);
  if (outcome.fate == EntryFate::Park && waits_until && !draining_.raised() &&
      parked_ < limits_.most_parked) {
    ++parked_;
    backoff_.forget(name);
    JE_CRASH_POINT("executor.park.before");
    background_.spawn(park(std::move(entry), *waits_until));
    co_return;
  }
  if (outcome.fate == EntryFate::Consume) backoff_.forget(name);
  try {
    const queue::FinishOutcome finished = co_await hand_back(std::move(entry), outcome);
    if (finished == queue::FinishOutcome::NotOurs) {
      telemetry::warning("an entry was not ours any more at its end",
                         {{"entry", name.text()}, {"result", executor::text(outcome.result)}});
    }
  } catch (const runtime::Failure& failure) {
    // The session was closed meanwhile: the lock goes with it.
    telemetry::warning("an entry could not be handed back",
                       {{"entry", name.text()}, {"error", failure.what()}});
  }
}

awaitable<queue::FinishOutcome> EntryHandback::hand_back(queue::TakenEntry entry, Outcome outcome) {
  const EntryFate fate = outcome.fate;
  if (fate == EntryFate::Consume) co_return co_await queue_.consume(std::move(entry));
  runtime::TimePoint again;
  if (fate == EntryFate::Park) {
    const auto waits_until = not_before(entry);
    if (waits_until && !draining_.raised()) {
      again = Clock::now() +
              std::min(*waits_until - WallClock::now(), WallClock::duration(longest_parking));
    }
  } else if (fate != EntryFate::Release) {
    const runtime::Duration most =
        outcome.api_trouble ? longest_api_backoff : runtime::Duration::max();
    const double chance = std::uniform_real_distribution<double>(0.0, 1.0)(random_);
    again = Clock::now() + backoff_.next(entry.name(), chance, most);
  }
  co_return co_await release(std::move(entry), std::move(outcome), again);
}

// Whoever has the entry next can tell it from one whose attempt has died.
awaitable<queue::FinishOutcome> EntryHandback::release(queue::TakenEntry entry, Outcome outcome,
                                                       runtime::TimePoint not_before) {
  const auto& known = entry.record();
  const bool noted = known && known->has_ended(entry.attempt());
  if (outcome.unclean || noted) co_return co_await queue_.release(std::move(entry), not_before);
  queue::AttemptRecord record = with_end(entry, outcome.reason);
  co_return co_await queue_.release_with(std::move(entry), std::move(record), not_before);
}

std::optional<queue::WallTime> EntryHandback::not_before(const queue::TakenEntry& entry) {
  const auto& record = entry.record();
  if (!record || !record->not_before || *record->not_before <= WallClock::now()) return {};
  return record->not_before;
}

// The lock is kept, the slot is free. When this executor dies, the next one to take the entry finds
// in its record until when to park it.
awaitable<void> EntryHandback::park(queue::TakenEntry entry, queue::WallTime not_before) {
  const auto wait = std::min(not_before - WallClock::now(), WallClock::duration(longest_parking));
  const auto deadline = Clock::now() + wait;
  telemetry::debug("an entry is parked", {{"entry", entry.name().text()},
                                          {"job", entry.data()},
                                          {"until", queue::rfc3339(not_before)}});
  while (!draining_.raised() && Clock::now() < deadline) {
    if (session_.epoch() != entry.epoch()) break;
    co_await draining_.wait_until(std::min(deadline, Clock::now() + parking_look));
  }
  Outcome over;
  over.fate = EntryFate::Release;
  over.result = RunResult::Retried;
  co_await finish(std::move(entry), std::move(over));
  --parked_;
}

// The lock is kept, the slot is free: dead entries cost no capacity. A job that turns up is given
// back to the queue, where it is first.
awaitable<void> EntryHandback::await_document(queue::TakenEntry entry) {
  const auto deadline = Clock::now() + limits_.missing_document;
  Outcome outcome;
  outcome.result = RunResult::NoJob;
  outcome.fate = EntryFate::Release;
  while (!draining_.raised() && queue_.holds(entry)) {
    co_await draining_.wait_for(std::chrono::milliseconds(500));
    const cimi::Reply reply = co_await client_.get(entry.data());
    if (reply.kind != cimi::ReplyKind::NotFound) break;
    if (Clock::now() < deadline) continue;
    telemetry::warning("there is no such job; its entry is consumed",
                       {{"job", entry.data()}, {"entry", entry.name().text()}});
    outcome.fate = EntryFate::Consume;
    break;
  }
  co_await finish(std::move(entry), std::move(outcome));
  --awaited_documents_;
}

queue::AttemptRecord EntryHandback::with_end(const queue::TakenEntry& entry,
                                             std::string how) const {
  queue::AttemptRecord record = entry.record().value_or(queue::AttemptRecord());
  queue::AttemptNote note;
  note.attempt = entry.attempt();
  note.taker = queue_.taker_id();
  note.executor = limits_.executor;
  note.ended = WallClock::now();
  note.how = std::move(how);
  record.note(std::move(note));
  return record;
}

}  // namespace jobengine::executor
