// What LockingQueue's calls share: paths, the view with its one refresher, what is known of the
// folder. Separate from it so that what a caller has given up can still end properly.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/queue/allotments.hpp"
#include "common/queue/idle_line.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/queue/multi_batch.hpp"
#include "common/queue/queue_view.hpp"
#include "common/queue/take_pace.hpp"

namespace jobengine::queue {

// What a record's write needs of its entry, which may be finished meanwhile.
struct RecordWrite {
  RecordWrite(const TakenEntry& entry, AttemptRecord record);

  EntryName name;
  std::int32_t attempt;
  zookeeper::Epoch epoch;
  std::shared_ptr<HeldEntry> kept;
  AttemptRecord record;
  std::string text;  // of the record
};

// One caller's requests, which go into one multi, perhaps with those of others.
struct PutCall {
  std::vector<PutRequest> requests;
  std::vector<PutReply> replies;
  std::exception_ptr failure;
  runtime::Event ended;
};

// Those that wait to be sent, in this order.
struct PutLine {
  std::deque<std::shared_ptr<PutCall>> calls;
  std::size_t requests = 0;  // of all of them
  Senders senders;
  // Of the multis under way, the first numbers that their entries can have; and the numbers from
  // there on that some caller was told are its own: nobody finds them as well.
  std::multiset<std::int64_t> first_numbers;
  std::set<std::int64_t> told;
};

// Lives on the loop. Every coroutine holds it by shared_ptr and looks at abandoned() before it
// touches the session after a suspension.
class QueueCore : public std::enable_shared_from_this<QueueCore> {
 public:
  QueueCore(zookeeper::Session& session, QueueOptions options);
  QueueCore(const QueueCore&) = delete;
  QueueCore& operator=(const QueueCore&) = delete;

  // The queue is being destroyed; its session may be next.
  void abandon();
  bool abandoned() const { return abandoned_; }
  // No request will ever be answered again.
  bool closed() const;

  const std::string& taker_id() const { return taker_id_; }
  const std::string& entries_path() const { return entries_path_; }
  const std::string& taken_path() const { return taken_path_; }
  const std::string& attempts_path() const { return attempts_path_; }
  std::string entry_path(const EntryName& name) const;
  std::string lock_path(const EntryName& name) const;
  std::string record_path(const EntryName& name) const;
  // Throws Failure when the queue or its session is gone.
  zookeeper::Session& session() const;
  bool same_epoch(zookeeper::Epoch epoch) const;
  bool leased() const;

  QueueView& view() { return view_; }
  PutLine& puts() { return puts_; }
  // What is announced with a put of these, and remembered for the next one.
  std::string announcement_with(const std::vector<int>& priorities);
  QueueCounters& counters() { return counters_; }
  // Every multi of the queue goes this way, at once. Throws Failure when the queue or its session
  // is gone.
  awaitable<zookeeper::MultiReply> send(std::vector<zookeeper::Operation> operations,
                                        zookeeper::Epoch only_in = 0);
  // The same in one multi with what others share in this turn of the loop; the reply is what a
  // multi of its own would have got.
  awaitable<zookeeper::MultiReply> share(std::vector<zookeeper::Operation> operations,
                                         zookeeper::Epoch only_in);
  // Wakes every taker that waits for a change of the view.
  void view_changed();

  // Creates /job/entries and /job/taken. Throws Failure when it cannot.
  awaitable<void> ensure_folders();
  // The first sequence number a create sent from now on can get: no entry below it can be its.
  std::int64_t next_sequence() const { return next_sequence_; }
  void learn_from(const zookeeper::Stat& entries_stat);
  void learn_from(const std::string& created_path);

  // Waits for an entry and locks it.
  awaitable<std::optional<TakenEntry>> take(runtime::Event& stop);
  awaitable<FinishOutcome> consume(TakenEntry entry);
  awaitable<FinishOutcome> release(TakenEntry entry, runtime::TimePoint not_before);
  awaitable<FinishOutcome> keep_record(RecordWrite write);
  awaitable<FinishOutcome> release_with(RecordWrite write, runtime::TimePoint not_before);

  awaitable<std::optional<TakenEntry>> take_named(EntryName name);
  awaitable<bool> lock_is_there(EntryName name, zookeeper::Epoch epoch, zookeeper::Watch on_change);
  // Whether another entry with this data is locked; of Rivals::Earlier, before ours was.
  awaitable<bool> has_rival(EntryName ours, std::string data, zookeeper::Epoch epoch, Rivals which);
  const std::string& trouble() const { return trouble_; }

  // Not joined: it holds the core.
  void spawn(runtime::Executor loop, awaitable<void> coroutine);

  // Who has the lock, after everything sent before was applied.
  enum class Lock { Ours, Others, None };
  struct Look {
    Lock lock = Lock::None;
    bool entry_exists = false;
    std::int32_t version = 0;
  };
  awaitable<Look> look_at(EntryName name);

 private:
  // One try to take one entry, of a taker who waits; goes on alone when the taker has left.
  struct Attempt {
    EntryName name;
    zookeeper::DataReply read;
    zookeeper::Epoch epoch = 0;
    runtime::Event ended;
    std::optional<TakenEntry> entry;
    bool given_up = false;
  };
  // Both folders, but for their names; not quite of one moment.
  struct FolderCounts {
    zookeeper::Stat entries;
    zookeeper::Stat taken;
    std::string announcement;
    std::int64_t surplus() const { return entries.child_count - taken.child_count; }
    std::int64_t ended_entries() const;
    std::int64_t ended_locks() const;
  };
  static bool same_state(const FolderCounts& one, const FolderCounts& other);
  awaitable<void> keep_view();
  awaitable<void> keep_view_once();
  awaitable<void> rest();
  awaitable<void> keep_current();
  awaitable<void> find_something();
  awaitable<void> watch_folders();
  awaitable<void> step_back();
  awaitable<void> wait_in_line();
  awaitable<void> look_by_itself();
  awaitable<std::optional<FolderCounts>> look();
  std::int64_t free_in(const FolderCounts& counts) const;
  bool listing_helps(const FolderCounts& counts) const;
  awaitable<bool> learn(FolderCounts counts);
  awaitable<bool> learn_names(FolderCounts before, FolderCounts counts);
  awaitable<std::int64_t> ask_for(std::int64_t first, std::int64_t end);
  awaitable<bool> some_given_up();
  bool listing_pays(const FolderCounts& counts);
  void note_listed_priorities();
  void note_priority(int priority);
  void earn_by_take();
  void pay_for_look();
  awaitable<void> list_folders(bool watch);
  bool news_are_due() const;
  bool view_is_old() const;
  awaitable<void> wait_for_news(runtime::Event& stop);
  awaitable<void> serve_takers();
  bool goes_by_allotment(runtime::Executor loop, std::size_t waiting);
  awaitable<void> allot(std::size_t want);
  awaitable<void> try_to_allot(std::size_t want);
  Allotments learn_allotments(const zookeeper::DataReply& read);
  awaitable<zookeeper::ZnodeError> write_allotments(std::string text, zookeeper::DataReply read);
  awaitable<void> look_at_allotments();
  awaitable<void> take_round(std::vector<std::shared_ptr<Attempt>> round);
  awaitable<void> conclude(std::shared_ptr<Attempt> attempt, zookeeper::MultiReply reply);
  awaitable<std::optional<TakenEntry>> try_to_take(EntryName name);
  bool can_be_tried(const EntryName& name, const zookeeper::DataReply& read);
  std::vector<zookeeper::Operation> lock_operations(const EntryName& name,
                                                    const zookeeper::DataReply& read) const;
  // `again`: the entry changed meanwhile; nothing else is known against it.
  awaitable<std::optional<TakenEntry>> settle_take(EntryName name, zookeeper::DataReply read,
                                                   zookeeper::Epoch epoch,
                                                   zookeeper::MultiReply reply, bool& again);
  awaitable<std::optional<TakenEntry>> adopt(EntryName name, std::string data,
                                             zookeeper::Epoch epoch, bool& again);
  awaitable<std::optional<TakenEntry>> with_record(std::optional<TakenEntry> entry);
  awaitable<bool> learn_record(TakenEntry& entry);
  awaitable<bool> learn_data_of_locked(std::vector<EntryName> names, zookeeper::Stat folder,
                                       zookeeper::Epoch epoch);
  enum class RecordStep { Done, NotOurs, Again };
  awaitable<RecordStep> try_to_write(RecordWrite& write, bool release);
  awaitable<RecordStep> look_for_record(RecordWrite& write, bool release);
  awaitable<FinishOutcome> write_record(RecordWrite write, bool release);
  awaitable<zookeeper::ZnodeError> remove_lock(EntryName name, zookeeper::Epoch epoch);
  awaitable<void> deliver(std::vector<Offer> offers);
  awaitable<void> send_gathered();
  void was_taken(const EntryName& name);
  void lost_race(const EntryName& name);

  zookeeper::Session* session_;
  std::string taker_id_;
  std::string entries_path_;
  std::string taken_path_;
  std::string attempts_path_;
  std::string allotted_path_;
  bool abandoned_ = false;

  QueueView view_;
  QueueCounters counters_;
  int takers_ = 0;
  std::deque<std::shared_ptr<Attempt>> waiting_takers_;  // without a name to try
  std::size_t rounds_ = 0;                               // of takes, under way
  runtime::Event takers_changed_;                        // one waits, or a round ended
  TakePace pace_;
  bool allotting_ = false;  // one allotment at a time is under way
  int larger_allotments_ = 0;
  runtime::TimePoint no_allotment_before_;
  std::vector<Offer> gathered_;  // to finish entries
  Senders finishers_;
  PutLine puts_;
  std::map<int, runtime::TimePoint> put_priorities_;  // put of late, and when
  bool view_is_kept_ = false;
  runtime::Event wanted_;        // a taker came or left, or found the view dry
  runtime::Event view_changed_;  // pulsed
  IdleLine line_;
  zookeeper::Watch folders_changed_;  // null: we do not watch them
  std::optional<FolderCounts> listed_;
  std::optional<FolderCounts> seen_;  // by the last listing or look
  bool listing_due_ = false;
  std::vector<int> priorities_;  // in use of late, the latest first
  bool asking_helps_ = false;    // for new entries by these
  bool for_came_back_ = false;   // the next listing is due because entries came back
  bool recheck_ = false;         // the last listing passed over what may have been given up
  bool given_up_ = false;        // … and some of it was
  std::int64_t own_takes_ = 0;   // since then
  std::int64_t look_paid_ = 0;   // by so many takes
  std::int64_t earned_ = 0;      // bytes, for listings: see learn()
  runtime::TimePoint looked_at_;
  std::optional<FolderCounts> stepped_back_;
  runtime::TimePoint listed_at_;
  runtime::TimePoint next_news_check_;
  runtime::TimePoint next_own_look_;
  std::int64_t next_sequence_;
  std::string trouble_;  // why nothing can be taken; empty: nothing is known to be wrong
  // Data of entries that were locked when we last looked, and the creation of the folder they were
  // in: names start anew with it.
  std::map<EntryName, std::string> data_of_locked_;
  std::int64_t locked_folder_ = 0;
  zookeeper::Session::Subscription subscription_;
};

// Throws Failure.
[[noreturn]] void session_is_closed();
// The count of creations in a folder, from its stat.
std::int64_t creations(const zookeeper::Stat& folder);

// put() and put_all(): `requests` may be of any number.
awaitable<std::vector<PutReply>> put_entries(std::shared_ptr<QueueCore> core,
                                             std::vector<PutRequest> requests);

}  // namespace jobengine::queue
