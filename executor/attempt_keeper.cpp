#include "executor/attempt_keeper.hpp"

#include <utility>

#include "common/runtime/failure.hpp"

namespace jobengine::executor {

namespace {

awaitable<std::string> outcome_of(awaitable<queue::FinishOutcome> write) {
  std::string why;
  try {
    const queue::FinishOutcome outcome = co_await std::move(write);
    if (outcome == queue::FinishOutcome::NotOurs) why = "the lease of the job is lost";
  } catch (const runtime::Failure& failure) {
    why = failure.what();
  }
  co_return why;
}

}  // namespace

queue::AttemptRecord EntryAttempts::record() const {
  return entry_.record() ? *entry_.record() : queue::AttemptRecord();
}

awaitable<std::string> EntryAttempts::keep(queue::AttemptRecord record) {
  if (!queue_.holds(entry_)) {
    return []() -> awaitable<std::string> { co_return "the lease of the job has run out"; }();
  }
  for (queue::AttemptNote& note : record.attempts) {
    if (note.attempt != entry_.attempt()) continue;
    note.taker = queue_.taker_id();
    note.executor = executor_;
  }
  return outcome_of(queue_.keep_record(entry_, std::move(record)));
}

}  // namespace jobengine::executor
