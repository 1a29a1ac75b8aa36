#include "common/queue/locking_queue.hpp"

#include <algorithm>

#include "common/queue/queue_core.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::ZnodeError;
using Core = std::shared_ptr<QueueCore>;

constexpr std::size_t reads_at_once = 100;

// A folder that is missing is an empty one.
void check_listing(ZnodeError error, const std::string& path) {
  if (error == ZnodeError::Ok || error == ZnodeError::NoNode) return;
  throw runtime::Failure("cannot read " + path + ": " + std::string(text(error)));
}

awaitable<PutReply> put_one(Core core, PutRequest request) {
  std::vector<PutRequest> requests;
  requests.push_back(std::move(request));
  auto replies = co_await put_entries(core, std::move(requests));
  co_return std::move(replies.front());
}

awaitable<std::size_t> count_children(Core core, std::string path) {
  zookeeper::StatReply folder;
  do {
    folder = co_await core->session().exists(path);
  } while (zookeeper::outcome_unknown(folder.error));
  check_listing(folder.error, path);
  co_return static_cast<std::size_t>(folder.stat.child_count);
}

awaitable<std::vector<EntryName>> names_in(Core core, std::string path) {
  zookeeper::ChildrenReply listing;
  do {
    listing = co_await core->session().children(path);
  } while (zookeeper::outcome_unknown(listing.error));
  check_listing(listing.error, path);
  std::vector<EntryName> names;
  for (const std::string& text : listing.names) {
    if (const auto name = parse_entry_name(text)) names.push_back(*name);
  }
  std::sort(names.begin(), names.end());
  co_return names;
}

awaitable<Depth> measure_depth(Core core) {
  Depth depth;
  depth.entries = co_await count_children(core, core->entries_path());
  depth.taken = co_await count_children(core, core->taken_path());
  co_return depth;
}

awaitable<std::vector<ListedEntry>> list_entries(Core core) {
  const auto entries = co_await names_in(core, core->entries_path());
  const auto taken = co_await names_in(core, core->taken_path());
  std::vector<ListedEntry> listed;
  listed.reserve(entries.size());
  for (const EntryName& name : entries) {
    ListedEntry entry;
    entry.name = name;
    entry.taken = std::binary_search(taken.begin(), taken.end(), name);
    listed.push_back(entry);
  }
  co_return listed;
}

awaitable<std::vector<Holder>> list_holders(Core core) {
  const auto taken = co_await names_in(core, core->taken_path());
  std::vector<Holder> holders;
  for (std::size_t from = 0; from < taken.size(); from += reads_at_once) {
    const std::size_t to = std::min(from + reads_at_once, taken.size());
    std::vector<awaitable<zookeeper::DataReply>> reads;
    for (std::size_t i = from; i < to; ++i) {
      reads.push_back(core->session().get(core->lock_path(taken[i])));
    }
    for (std::size_t i = from; i < to; ++i) {
      auto read = co_await std::move(reads[i - from]);
      if (read.error != ZnodeError::Ok) continue;  // ended meanwhile
      Holder holder;
      holder.name = taken[i];
      holder.taker_id = std::move(read.data);
      holder.session_id = read.stat.ephemeral_owner;
      holder.since_ms = read.stat.created_ms;
      holders.push_back(std::move(holder));
    }
  }
  co_return holders;
}

awaitable<std::optional<std::string>> read_entry(Core core, EntryName name) {
  const std::string path = core->entry_path(name);
  zookeeper::DataReply read;
  do {
    read = co_await core->session().get(path);
  } while (zookeeper::outcome_unknown(read.error));
  std::optional<std::string> data;
  if (read.error == ZnodeError::NoNode) co_return data;
  check_listing(read.error, path);
  data = std::move(read.data);
  co_return data;
}

// A record is only ever made for an entry that is there. So one that was listed before the entries
// and has none has lost it for good.
awaitable<std::size_t> sweep_records(Core core, std::size_t most) {
  const auto records = co_await names_in(core, core->attempts_path());
  if (records.empty()) co_return 0;
  const auto entries = co_await names_in(core, core->entries_path());
  std::vector<awaitable<ZnodeError>> removals;
  for (const EntryName& name : records) {
    if (removals.size() >= most) break;
    if (std::binary_search(entries.begin(), entries.end(), name)) continue;
    removals.push_back(
        core->session().remove(core->record_path(name), zookeeper::Operation::any_version));
  }
  std::size_t removed = 0;
  for (auto& removal : removals) {
    const ZnodeError error = co_await std::move(removal);
    if (error == ZnodeError::Ok) ++removed;
  }
  co_return removed;
}

// True when the lock was removed by somebody else than its holder, who raises `ended` before.
awaitable<bool> watch_lock(Core core, EntryName name, zookeeper::Epoch epoch,
                           std::shared_ptr<HeldEntry> held, std::shared_ptr<runtime::Event> ended) {
  while (!ended->raised()) {
    const zookeeper::Watch changed = zookeeper::make_watch();
    bool there = true;
    try {
      there = co_await core->lock_is_there(name, epoch, changed);
    } catch (const runtime::Failure&) {
      co_return false;  // the session was closed meanwhile
    }
    if (ended->raised() || !core->same_epoch(epoch)) co_return false;
    if (!there) {
      held->lock_gone = true;
      co_return true;
    }
    co_await runtime::Event::wait_either(*changed, *ended, runtime::TimePoint::max());
  }
  co_return false;
}

// Making and removing the lock in the same multi proves that nobody has it.
awaitable<bool> remove_if_untaken(Core core, EntryName name) {
  for (;;) {
    std::vector<zookeeper::Operation> operations;
    operations.push_back(zookeeper::create_operation(core->lock_path(name), core->taker_id(),
                                                     zookeeper::CreateMode::Ephemeral));
    operations.push_back(zookeeper::remove_operation(core->entry_path(name)));
    operations.push_back(zookeeper::remove_operation(core->lock_path(name)));
    const auto reply = co_await core->send(std::move(operations));
    if (reply.error == ZnodeError::Ok) co_return true;
    if (!zookeeper::outcome_unknown(reply.error)) {
      const bool folder_is_missing = reply.error == ZnodeError::NoNode && !reply.results.empty() &&
                                     reply.results[0].error == ZnodeError::NoNode;
      if (!folder_is_missing) co_return false;
      const auto entry = co_await core->session().exists(core->entry_path(name));
      if (entry.error == ZnodeError::NoNode) co_return false;
      co_await core->ensure_folders();
      continue;
    }
    const auto look = co_await core->look_at(name);
    if (!look.entry_exists) co_return true;
    if (look.lock != QueueCore::Lock::None) co_return false;
  }
}

}  // namespace

LockingQueue::LockingQueue(zookeeper::Session& session, QueueOptions options)
    : core_(std::make_shared<QueueCore>(session, std::move(options))) {}

LockingQueue::~LockingQueue() {
  core_->abandon();
}

const std::string& LockingQueue::taker_id() const {
  return core_->taker_id();
}

awaitable<PutReply> LockingQueue::put(std::string job_id, int priority) {
  PutRequest request;
  request.job_id = std::move(job_id);
  request.priority = priority;
  return put_one(core_, std::move(request));
}

awaitable<std::vector<PutReply>> LockingQueue::put_all(std::vector<PutRequest> requests) {
  return put_entries(core_, std::move(requests));
}

awaitable<std::optional<TakenEntry>> LockingQueue::take(runtime::Event& stop) {
  return core_->take(stop);
}

awaitable<FinishOutcome> LockingQueue::consume(TakenEntry entry) {
  return core_->consume(std::move(entry));
}

awaitable<FinishOutcome> LockingQueue::release(TakenEntry entry, runtime::TimePoint not_before) {
  return core_->release(std::move(entry), not_before);
}

awaitable<FinishOutcome> LockingQueue::keep_record(const TakenEntry& entry, AttemptRecord record) {
  record.job = entry.data();
  return core_->keep_record(RecordWrite(entry, std::move(record)));
}

awaitable<FinishOutcome> LockingQueue::release_with(TakenEntry entry, AttemptRecord record,
                                                    runtime::TimePoint not_before) {
  record.job = entry.data();
  return core_->release_with(RecordWrite(entry, std::move(record)), not_before);
}

awaitable<std::optional<TakenEntry>> LockingQueue::take_named(EntryName name) {
  return core_->take_named(name);
}

bool LockingQueue::holds(const TakenEntry& entry) const {
  return core_->same_epoch(entry.epoch()) && core_->leased() && !entry.kept()->lock_gone;
}

awaitable<bool> LockingQueue::lock_removed(const TakenEntry& entry,
                                           std::shared_ptr<runtime::Event> ended) {
  return watch_lock(core_, entry.name(), entry.epoch(), entry.kept(), std::move(ended));
}

awaitable<bool> LockingQueue::taken_elsewhere(const TakenEntry& entry, Rivals which) {
  return core_->has_rival(entry.name(), entry.data(), entry.epoch(), which);
}

const std::string& LockingQueue::trouble() const {
  return core_->trouble();
}

const QueueCounters& LockingQueue::counters() const {
  return core_->counters();
}

awaitable<Depth> LockingQueue::depth() {
  return measure_depth(core_);
}

awaitable<std::vector<ListedEntry>> LockingQueue::list() {
  return list_entries(core_);
}

awaitable<std::vector<Holder>> LockingQueue::holders() {
  return list_holders(core_);
}

awaitable<std::optional<std::string>> LockingQueue::data_of(EntryName name) {
  return read_entry(core_, name);
}

awaitable<bool> LockingQueue::remove_untaken(EntryName name) {
  return remove_if_untaken(core_, name);
}

awaitable<std::size_t> LockingQueue::sweep_attempt_records(std::size_t most) {
  return sweep_records(core_, most);
}

}  // namespace jobengine::queue
