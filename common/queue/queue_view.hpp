// What one process believes is free in the queue. It only suggests: the multi of a take decides.
// Pure: no clock, no I/O.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/queue/entry_name.hpp"

namespace jobengine::queue {

struct ViewOptions {
  // Among how many entries of the most urgent priority a choice is made at random, so that a fleet
  // does not fight over the first one.
  std::size_t head_window = 64;
  // A refresh that took t is followed by none for this many times t.
  double refresh_spacing = 20.0;
};

class QueueView {
 public:
  using Clock = std::chrono::steady_clock;
  using TimePoint = Clock::time_point;
  using Duration = Clock::duration;

  explicit QueueView(ViewOptions options, std::uint64_t seed = std::random_device{}());

  // Both folders were listed, which took `cost` and ended `now`. Foreign names are ignored; the two
  // listings need not be of one moment.
  void refresh(const std::vector<std::string>& entries, const std::vector<std::string>& taken,
               TimePoint now, Duration cost);
  // Entries with numbers from `first` to before `end` were made since: they are taken to bear the
  // one priority that the last refresh named. False when it named several, or none is known.
  bool expect(std::int64_t first, std::int64_t end);
  // These were made since, of whatever priorities. Nothing is expected from now on until a refresh,
  // unless all are of the one priority.
  void learn(const std::vector<EntryName>& names);
  // The one priority that the last refresh named, and no entry learned since had another.
  std::optional<int> only_priority() const { return priority_; }
  // No more than `free` are free in truth, and others take the first ones first: what must be gone
  // is forgotten until a refresh finds it after all. Does nothing where there are several
  // priorities.
  void expect_no_more_than(std::int64_t free);
  // So many entries were taken by others between two such calls: the window grows with it, because
  // names chosen there are tried in vain.
  void others_took(std::int64_t count);
  // No refresh before this moment.
  TimePoint next_refresh() const { return next_refresh_; }

  // Up to `most` of the most urgent free entries, to be tried together. First come those that were
  // allotted to us; of others a run of neighbours of each priority, which rarely meets the runs of
  // others. Each is ours to deal with until drop() or put_back(); no other choice will name it,
  // whatever a listing says. `only_allotted`: none that should be allotted first.
  std::vector<EntryName> choose(TimePoint now, std::size_t most, bool only_allotted = false);

  // ---- allotments: see README.md, "A crowd". They only tell who tries which names.
  // How many of the most urgent priority nobody was allotted yet, as far as we know: up to `most`,
  // which is all that is asked for.
  std::size_t to_allot(std::size_t most);
  // The first ones of these, in order: set aside until one of the next two says what became of it.
  std::vector<EntryName> propose(std::size_t most);
  void proposal_stands();
  void proposal_fell();
  // All entries of this priority before this number were allotted, to whoever: those that are new
  // to us, and not ours, are forgotten until a refresh finds them free long afterwards.
  void were_allotted(int priority, std::int64_t before, TimePoint now);
  // The numbers of entries start anew.
  void forget_allotments();
  // Set aside for us and not chosen yet; nothing where others are more urgent.
  std::size_t allotted() const;
  bool knows_allotments() const { return !known_.empty(); }
  // Of the entries that the last refresh passed over, as others were allotted them a moment before
  // it: up to 16, those of the most urgent priority first, evenly out of all of it.
  const std::vector<EntryName>& passed_over() const { return passed_over_; }

  // This very one, whether it is known or not; false when it is ours to deal with already.
  bool claim(const EntryName& name);
  // It was tried and is locked by us: it stays ours to deal with.
  void taken(const EntryName& name);
  // It is not there or not free: forgotten until a refresh finds it again.
  void drop(const EntryName& name);
  // It is free again, but not for us before `not_before`.
  void put_back(const EntryName& name, TimePoint not_before);

  // How many are believed free.
  std::size_t size() const {
    return free_.size() + allotted_.size() + proposed_.size() +
           static_cast<std::size_t>(end_ - next_);
  }
  // How many wait for their time, but for those that somebody else had at the last refresh.
  std::size_t put_back_count() const {
    return backed_off_.size() - std::min(backed_off_.size(), put_back_elsewhere_);
  }
  // Which priorities the last refresh named, up to `most` of them.
  std::vector<int> listed_priorities(std::size_t most) const;
  // How many had no lock at the last refresh, ours to deal with or not.
  std::int64_t listed_free() const { return listed_free_; }
  // Nothing can be chosen now.
  bool dry(TimePoint now) const;
  // When the first of the entries that were put back may be chosen; none without any.
  std::optional<TimePoint> next_due() const;

  // The session is over, and with it every lock: nothing is ours to deal with any more.
  void forget_ours();

 private:
  // By priority: what was allotted before these numbers …
  struct Known {
    std::int64_t now = std::numeric_limits<std::int64_t>::min();  // … as we know it
    std::int64_t recent = now;                                    // … as we knew it then
    TimePoint since;
    std::int64_t settled = now;  // … so long ago that what is still free was given up
  };
  using Place = std::vector<EntryName>::iterator;

  std::int64_t allotted_before(int priority) const;
  void settle(TimePoint now);
  void keep_ours_after_listing();
  void pass_over();
  void note_passed_over(Place first, Place last);
  Place after(const EntryName& name);
  std::size_t reach(std::size_t window);
  bool left_over(const EntryName& name) const;
  void choose_run(std::size_t reach, std::size_t most, std::vector<EntryName>& chosen);
  void choose_allotted(std::size_t most, std::vector<EntryName>& chosen);
  void name_expected(std::size_t window);
  void readmit(TimePoint now);
  void insert(const EntryName& name);

  const ViewOptions options_;
  std::mt19937_64 random_;
  std::vector<EntryName> free_;  // most urgent last, where removing is cheap
  std::optional<int> priority_;  // the only one that is known since the last refresh with entries
  std::vector<int> listed_priorities_;
  int expected_priority_ = 0;  // of the following
  std::int64_t next_ = 0;      // entries expected from here …
  std::int64_t end_ = 0;       // … to before here, not in free_ yet: may be very many
  std::size_t window_;
  std::set<EntryName> allotted_;
  std::vector<EntryName> proposed_;
  std::map<int, Known> known_;
  std::vector<EntryName> passed_over_;
  std::set<EntryName> ours_;  // being taken, held, or being finished by this process
  std::map<EntryName, TimePoint> backed_off_;
  std::set<std::pair<TimePoint, EntryName>> due_;  // the same, by time: there may be very many
  std::size_t put_back_elsewhere_ = 0;
  std::int64_t listed_free_ = 0;
  TimePoint next_refresh_ = TimePoint::min();
};

}  // namespace jobengine::queue
