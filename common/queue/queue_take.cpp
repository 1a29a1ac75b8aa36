// How entries are found and locked: one refresher keeps the view, any number of takers work it off.
#include "common/queue/queue_core.hpp"
#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::Epoch;
using zookeeper::ZnodeError;

// What failed for a reason that may pass is not tried again sooner.
constexpr auto retry_interval = std::chrono::seconds(1);
// Two operations each.
constexpr std::size_t most_takes_together = most_operations / 2;

}  // namespace

awaitable<std::optional<TakenEntry>> QueueCore::take(runtime::Event& stop) {
  auto self = shared_from_this();
  auto loop = co_await asio::this_coro::executor;
  ++takers_;
  wanted_.raise();
  if (!view_is_kept_) {
    view_is_kept_ = true;
    spawn(loop, keep_view());
    spawn(loop, serve_takers());
  }
  std::optional<TakenEntry> entry;
  while (!entry && !stop.raised() && !closed()) {
    // While every taker was busy the view was not kept: what was put since may be more urgent.
    if (view_is_old()) {
      co_await wait_for_news(stop);
      continue;
    }
    auto current = std::make_shared<Attempt>();
    waiting_takers_.push_back(current);
    takers_changed_.raise();
    co_await runtime::Event::wait_either(current->ended, stop, runtime::TimePoint::max());
    if (!current->ended.raised()) current->given_up = true;
    entry = std::move(current->entry);
  }
  --takers_;
  if (takers_ == 0) wanted_.raise();
  if (!entry) co_await stop.wait();
  co_return entry;
}

// Waits for nothing but names and, when enough rounds are under way, for one of them to end. It is
// woken behind what the loop had to do already: takers that became free together are served
// together.
awaitable<void> QueueCore::serve_takers() {
  auto self = shared_from_this();
  auto loop = co_await asio::this_coro::executor;
  while (!closed()) {
    std::erase_if(waiting_takers_, [](const auto& attempt) { return attempt->given_up; });
    takers_changed_.reset();
    const bool full = waiting_takers_.size() >= most_takes_together;
    if (waiting_takers_.empty() || !Senders::room(rounds_, full)) {
      co_await takers_changed_.wait();
      continue;
    }
    const std::size_t most = std::min(waiting_takers_.size(), most_takes_together);
    const bool only_allotted = goes_by_allotment(loop, most);
    const auto names = view_.choose(runtime::Clock::now(), most, only_allotted);
    if (names.empty()) {
      if (!only_allotted) wanted_.raise();
      const auto due = view_.next_due().value_or(runtime::TimePoint::max());
      co_await runtime::Event::wait_either(view_changed_, takers_changed_, due);
      continue;
    }
    std::vector<std::shared_ptr<Attempt>> round;
    for (const EntryName& name : names) {
      waiting_takers_.front()->name = name;
      round.push_back(std::move(waiting_takers_.front()));
      waiting_takers_.pop_front();
    }
    ++rounds_;
    spawn(loop, take_round(std::move(round)));
  }
}

void QueueCore::was_taken(const EntryName& name) {
  ++counters_.takes;
  pace_.count(runtime::Clock::now());
  earn_by_take();
  view_.taken(name);
  trouble_.clear();
}

void QueueCore::lost_race(const EntryName& name) {
  ++counters_.lost_races;
  view_.drop(name);
}

// One multi for all whose entries could be read. Not bound to the takers, who must be able to leave
// while ZooKeeper is away: a lock that nobody waits for any more is given back.
awaitable<void> QueueCore::take_round(std::vector<std::shared_ptr<Attempt>> round) {
  auto self = shared_from_this();
  auto loop = co_await asio::this_coro::executor;
  std::vector<awaitable<zookeeper::DataReply>> reads;
  if (closed()) co_return;
  for (const auto& attempt : round) reads.push_back(session_->get(entry_path(attempt->name)));
  for (std::size_t i = 0; i < round.size(); ++i) {
    round[i]->read = co_await std::move(reads[i]);
  }
  std::vector<Offer> offers;
  for (const auto& attempt : round) {
    if (closed() || !can_be_tried(attempt->name, attempt->read)) {
      attempt->ended.raise();
      continue;
    }
    // The answers came in this epoch: a lock made in another one would not be ours.
    attempt->epoch = session_->epoch();
    Offer offer;
    offer.operations = lock_operations(attempt->name, attempt->read);
    offer.epoch = attempt->epoch;
    offer.answered = [self, loop, attempt](zookeeper::MultiReply reply) {
      JE_CRASH_POINT("executor.take.after");
      self->spawn(loop, self->conclude(attempt, std::move(reply)));
    };
    JE_CRASH_POINT("executor.take.before");
    offers.push_back(std::move(offer));
  }
  co_await deliver(std::move(offers));
  --rounds_;
  takers_changed_.raise();
}

// What follows for one taker of a round.
awaitable<void> QueueCore::conclude(std::shared_ptr<Attempt> attempt, zookeeper::MultiReply reply) {
  auto self = shared_from_this();
  try {
    bool again = false;
    const EntryName name = attempt->name;
    auto entry = co_await settle_take(name, std::move(attempt->read), attempt->epoch,
                                      std::move(reply), again);
    const bool same_session = same_epoch(attempt->epoch);
    if (again && same_session) entry = co_await try_to_take(name);
    entry = co_await with_record(std::move(entry));
    if (entry && attempt->given_up) {
      // Nothing has begun: its attempt is no reason to give the job up.
      AttemptRecord record = entry->record().value_or(AttemptRecord());
      AttemptNote note;
      note.attempt = entry->attempt();
      note.taker = taker_id_;
      note.ended = std::chrono::system_clock::now();
      note.how = "taken when nobody waited for it any more";
      record.job = entry->data();
      record.note(std::move(note));
      RecordWrite write(*entry, std::move(record));
      co_await release_with(std::move(write), runtime::TimePoint());
    } else {
      attempt->entry = std::move(entry);
    }
  } catch (const runtime::Failure&) {
    // The session was closed meanwhile: so is every lock.
  }
  attempt->ended.raise();
}

// One entry by itself.
awaitable<std::optional<TakenEntry>> QueueCore::try_to_take(EntryName name) {
  std::optional<TakenEntry> entry;
  bool again = true;
  while (again && !closed()) {
    again = false;
    auto read = co_await session_->get(entry_path(name));
    if (closed() || !can_be_tried(name, read)) break;
    // The answer came in this epoch: a lock made in another one would not be ours.
    const Epoch epoch = session_->epoch();
    JE_CRASH_POINT("executor.take.before");
    auto reply = co_await send(lock_operations(name, read), epoch);
    JE_CRASH_POINT("executor.take.after");
    entry = co_await settle_take(name, std::move(read), epoch, std::move(reply), again);
    if (!same_epoch(epoch)) break;  // the next session offers it anew
  }
  co_return entry;
}

// Whether the entry is there; if not, the view is told.
bool QueueCore::can_be_tried(const EntryName& name, const zookeeper::DataReply& read) {
  if (read.error == ZnodeError::Ok) return true;
  if (read.error == ZnodeError::NoNode || zookeeper::outcome_unknown(read.error)) {
    lost_race(name);
  } else {
    trouble_ = "cannot read " + entry_path(name) + ": " + std::string(text(read.error));
    view_.put_back(name, runtime::Clock::now() + retry_interval);
  }
  return false;
}

std::vector<zookeeper::Operation> QueueCore::lock_operations(
    const EntryName& name, const zookeeper::DataReply& read) const {
  std::vector<zookeeper::Operation> operations;
  operations.push_back(zookeeper::set_operation(entry_path(name), read.data, read.stat.version));
  operations.push_back(
      zookeeper::create_operation(lock_path(name), taker_id_, zookeeper::CreateMode::Ephemeral));
  return operations;
}

awaitable<std::optional<TakenEntry>> QueueCore::settle_take(EntryName name,
                                                            zookeeper::DataReply read, Epoch epoch,
                                                            zookeeper::MultiReply reply,
                                                            bool& again) {
  std::int32_t version = read.stat.version + 1;
  if (reply.error == ZnodeError::BadArguments && !closed()) {
    // So large that there is no room for the lock in one request: whoever put that gets no count.
    auto operations = lock_operations(name, read);
    operations[0] = zookeeper::check_operation(entry_path(name), read.stat.version);
    version = read.stat.version;
    reply = co_await send(std::move(operations), epoch);
  }
  std::optional<TakenEntry> entry;
  switch (reply.error) {
    case ZnodeError::Ok:
      entry.emplace(name, std::move(read.data), version, epoch);
      was_taken(name);
      break;
    case ZnodeError::BadVersion:
      again = true;
      break;  // taken and given back meanwhile
    case ZnodeError::ConnectionLoss:
      entry = co_await adopt(name, std::move(read.data), epoch, again);
      break;
    case ZnodeError::NodeExists:
    case ZnodeError::NoNode:
    case ZnodeError::SessionLost:
      lost_race(name);
      break;
    case ZnodeError::NotEmpty:
    case ZnodeError::NoChildrenForEphemerals:
    case ZnodeError::NotAllowed:
    case ZnodeError::BadArguments:
    case ZnodeError::RolledBack:
    case ZnodeError::Other:
      trouble_ = "cannot lock " + entry_path(name) + ": " + std::string(text(reply.error));
      view_.put_back(name, runtime::Clock::now() + retry_interval);
      break;
  }
  co_return entry;
}

// The answer to a take was lost: the lock says whether it happened.
awaitable<std::optional<TakenEntry>> QueueCore::adopt(EntryName name, std::string data, Epoch epoch,
                                                      bool& again) {
  std::optional<TakenEntry> entry;
  if (closed()) co_return entry;
  const Look look = co_await look_at(name);
  if (look.lock == Lock::Ours && look.entry_exists && same_epoch(epoch)) {
    entry.emplace(name, std::move(data), look.version, epoch);
    was_taken(name);
  } else if (!same_epoch(epoch)) {
    // Nothing is ours to deal with since: whoever has the name now was given it by a new listing.
  } else if (look.lock == Lock::None && look.entry_exists) {
    again = true;
  } else {
    lost_race(name);
  }
  co_return entry;
}

}  // namespace jobengine::queue
