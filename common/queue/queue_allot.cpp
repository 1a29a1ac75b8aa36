// How a crowd of takers keeps out of each other's way: each is allotted the next names of the view,
// in /job/allotted. Only a hint, and never waited for where there is little to take.
#include <algorithm>

#include "common/queue/allotments.hpp"
#include "common/queue/queue_core.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::ZnodeError;

// Fewer are chosen at random.
constexpr std::size_t fewest_to_allot = 16;
constexpr std::size_t most_at_once = 512;
// Nobody is allotted more than such a part of what there is.
constexpr std::size_t shares = 8;
// After so many lost races for the node, names are chosen at random for a while.
constexpr int most_tries = 3;
constexpr auto pause_after_races = std::chrono::milliseconds(20);
constexpr auto pause_when_refused = std::chrono::seconds(10);
// How many allotments after a lost race are twice as large.
constexpr int larger_after_race = 4;

}  // namespace

// True: only what was allotted is to be chosen now, or is about to be allotted.
bool QueueCore::goes_by_allotment(runtime::Executor loop, std::size_t waiting) {
  const auto now = runtime::Clock::now();
  if (now < no_allotment_before_ || !listed_) return false;
  std::size_t want = std::clamp(pace_.soon(now), waiting, std::max(waiting, most_at_once));
  if (larger_allotments_ > 0) want *= 2;
  const std::size_t known = view_.to_allot(std::max(shares * want, fewest_to_allot + 1));
  want = std::max(waiting, std::min(want, known / shares));
  if (known <= std::max(want, fewest_to_allot)) return false;
  if (!allotting_ && view_.allotted() < waiting + want / 4) {
    allotting_ = true;
    spawn(loop, allot(want));
  }
  return true;
}

awaitable<void> QueueCore::allot(std::size_t want) {
  auto self = shared_from_this();
  try {
    co_await try_to_allot(want);
  } catch (const runtime::Failure&) {
    view_.proposal_fell();  // closed
  }
  allotting_ = false;
  view_changed();
  takers_changed_.raise();
}

awaitable<void> QueueCore::try_to_allot(std::size_t want) {
  for (int tries = 0; tries < most_tries; ++tries) {
    const auto read = co_await session().get(allotted_path_);
    if (closed() || zookeeper::outcome_unknown(read.error)) co_return;
    if (read.error != ZnodeError::Ok && read.error != ZnodeError::NoNode) break;
    Allotments known = learn_allotments(read);
    const auto names = view_.propose(want);
    if (names.empty()) co_return;
    known.before[names.back().priority] = names.back().sequence + 1;
    std::string text = text_of(known, listed_->entries.created_zxid);
    const ZnodeError error = co_await write_allotments(std::move(text), read);
    // Without an answer: should others be allotted the same, races are lost, and that is all.
    if (error == ZnodeError::Ok || zookeeper::outcome_unknown(error)) {
      view_.proposal_stands();
      ++counters_.allotments;
      larger_allotments_ = std::max(0, larger_allotments_ - 1);
      co_return;
    }
    view_.proposal_fell();
    const bool race = error == ZnodeError::BadVersion || error == ZnodeError::NodeExists ||
                      error == ZnodeError::NoNode;
    if (!race) break;
    larger_allotments_ = larger_after_race;
    if (tries + 1 < most_tries) continue;
    no_allotment_before_ = runtime::Clock::now() + pause_after_races;
    co_return;
  }
  no_allotment_before_ = runtime::Clock::now() + pause_when_refused;
}

Allotments QueueCore::learn_allotments(const zookeeper::DataReply& read) {
  const auto now = runtime::Clock::now();
  const bool first = !view_.knows_allotments();
  Allotments known = parse_allotments(read.data, listed_->entries.created_zxid);
  for (const auto& [priority, before] : known.before) view_.were_allotted(priority, before, now);
  // Of what was allotted before we came, some may have been given up.
  if (first && !view_.passed_over().empty()) recheck_ = true;
  return known;
}

awaitable<ZnodeError> QueueCore::write_allotments(std::string text, zookeeper::DataReply read) {
  ZnodeError error = ZnodeError::Ok;
  if (read.error == ZnodeError::NoNode) {
    const auto made = co_await session().create(allotted_path_, std::move(text),
                                                zookeeper::CreateMode::Persistent);
    error = made.error;
  } else {
    const auto changed = co_await session().set(allotted_path_, std::move(text), read.stat.version);
    error = changed.error;
  }
  co_return error;
}

// The view believes in more than there is: what others were allotted meanwhile.
awaitable<void> QueueCore::look_at_allotments() {
  if (!view_.knows_allotments()) co_return;
  const auto read = co_await session().get(allotted_path_);
  if (!closed() && read.error == ZnodeError::Ok) learn_allotments(read);
}

}  // namespace jobengine::queue
