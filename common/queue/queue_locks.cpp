// What a holder asks about locks: whether its own is still there, and whether its job is locked by
// another entry, too.
#include <utility>

#include "common/queue/queue_core.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::Epoch;
using zookeeper::ZnodeError;

}  // namespace

awaitable<std::optional<TakenEntry>> QueueCore::take_named(EntryName name) {
  auto self = shared_from_this();
  std::optional<TakenEntry> entry;
  if (closed() || !view_.claim(name)) co_return entry;
  entry = co_await try_to_take(name);
  entry = co_await with_record(std::move(entry));
  co_return entry;
}

// What cannot be known counts as there: the lease is what ends a run that hears nothing any more.
awaitable<bool> QueueCore::lock_is_there(EntryName name, Epoch epoch, zookeeper::Watch on_change) {
  auto self = shared_from_this();
  while (same_epoch(epoch)) {
    const auto lock = co_await session().exists(lock_path(name), on_change);
    if (lock.error == ZnodeError::ConnectionLoss) continue;
    if (lock.error == ZnodeError::NoNode) co_return false;
    if (lock.error != ZnodeError::Ok || !same_epoch(epoch)) break;
    // The same name under another owner: the queue was made anew.
    co_return lock.stat.ephemeral_owner == session().session_id();
  }
  co_return true;
}

// Of two who hold entries of one job, the one who locked later sees the other's lock: what the
// server has told us of ours, it knows of all that came before. So the first one works and the
// second one yields, whatever the first one sees.
awaitable<bool> QueueCore::has_rival(EntryName ours, std::string data, Epoch epoch, Rivals which) {
  auto self = shared_from_this();
  auto own_read = session().exists(lock_path(ours));
  auto folder_read = session().children(taken_path_);
  const auto own = co_await std::move(own_read);
  const auto folder = co_await std::move(folder_read);
  if (own.error != ZnodeError::Ok || folder.error != ZnodeError::Ok) co_return false;
  std::vector<EntryName> others;
  for (const std::string& text : folder.names) {
    const auto name = parse_entry_name(text);
    if (name && *name != ours) others.push_back(*name);
  }
  std::vector<EntryName> locked = others;
  const bool learned = co_await learn_data_of_locked(std::move(locked), folder.stat, epoch);
  if (!learned) co_return false;
  for (const EntryName& name : others) {
    const auto known = data_of_locked_.find(name);
    if (known == data_of_locked_.end() || known->second != data) continue;
    const auto lock = co_await session().exists(lock_path(name));
    const bool earlier = lock.stat.created_zxid < own.stat.created_zxid;
    if (lock.error == ZnodeError::Ok && (earlier || which == Rivals::All)) co_return true;
  }
  co_return false;
}

// False when the session is over meanwhile.
awaitable<bool> QueueCore::learn_data_of_locked(std::vector<EntryName> names,
                                                zookeeper::Stat folder, Epoch epoch) {
  if (std::exchange(locked_folder_, folder.created_zxid) != folder.created_zxid) {
    data_of_locked_.clear();
  }
  std::map<EntryName, std::string> data;
  std::vector<std::pair<EntryName, awaitable<zookeeper::DataReply>>> reads;
  for (const EntryName& name : names) {
    const auto known = data_of_locked_.find(name);
    if (known != data_of_locked_.end()) {
      data.insert(*known);
    } else {
      reads.emplace_back(name, session().get(entry_path(name)));
    }
  }
  for (auto& [name, read] : reads) {
    auto answer = co_await std::move(read);
    if (answer.error == ZnodeError::Ok) data[name] = std::move(answer.data);
  }
  if (!same_epoch(epoch)) co_return false;
  data_of_locked_ = std::move(data);
  co_return true;
}

}  // namespace jobengine::queue
