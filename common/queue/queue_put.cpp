// How entries are made. A create is never repeated on suspicion: what may have happened is looked
// for.
#include <algorithm>
#include <map>
#include <span>

#include "common/queue/announcement.hpp"
#include "common/queue/queue_core.hpp"
#include "common/runtime/failure.hpp"

namespace jobengine::queue {

namespace {

using zookeeper::ZnodeError;

constexpr std::size_t reads_at_once = 100;
constexpr auto of_late = std::chrono::seconds(30);

std::size_t size_of(const PutRequest& request) {
  return request.job_id.size() + operation_frame;
}

// The first of `requests` that go into one multi.
std::size_t batch_size(std::span<const PutRequest> requests) {
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < requests.size() && count < most_operations) {
    bytes += size_of(requests[count]);
    if (count > 0 && bytes > most_bytes) break;
    ++count;
  }
  return count;
}

std::string path_to_create(const QueueCore& core, const PutRequest& request) {
  return core.entries_path() + "/" + entry_prefix(request.priority);
}

// The names of the entries with one of the priorities of `requests` and a sequence number from
// `first` on.
std::vector<EntryName> candidates(const std::vector<std::string>& names,
                                  std::span<const PutRequest> requests, std::int64_t first) {
  std::vector<EntryName> found;
  for (const std::string& text : names) {
    const auto name = parse_entry_name(text);
    if (!name || name->sequence < first) continue;
    const bool asked =
        std::any_of(requests.begin(), requests.end(),
                    [&](const PutRequest& request) { return request.priority == name->priority; });
    if (asked) found.push_back(*name);
  }
  return found;
}

// (priority, job id) → path of the entries among `names` that still exist.
using Found = std::multimap<std::pair<int, std::string>, std::string>;
awaitable<Found> read_entries(std::shared_ptr<QueueCore> core, std::vector<EntryName> names) {
  Found found;
  for (std::size_t from = 0; from < names.size(); from += reads_at_once) {
    const std::size_t to = std::min(from + reads_at_once, names.size());
    std::vector<awaitable<zookeeper::DataReply>> reads;
    for (std::size_t i = from; i < to; ++i) {
      reads.push_back(core->session().get(core->entry_path(names[i])));
    }
    for (std::size_t i = from; i < to; ++i) {
      auto read = co_await std::move(reads[i - from]);
      if (read.error != ZnodeError::Ok) continue;
      found.emplace(std::pair(names[i].priority, std::move(read.data)), core->entry_path(names[i]));
    }
  }
  co_return found;
}

// The outcome of creating `requests` is unknown: whatever of them is there now was made by it,
// since its number cannot be below `first`.
awaitable<std::vector<PutReply>> look_for(std::shared_ptr<QueueCore> core,
                                          std::span<const PutRequest> requests,
                                          std::int64_t first) {
  zookeeper::ChildrenReply listing;
  do {
    auto synced = core->session().sync(core->entries_path());
    auto listed = core->session().children(core->entries_path());
    co_await std::move(synced);
    listing = co_await std::move(listed);
  } while (zookeeper::outcome_unknown(listing.error));
  auto names = candidates(listing.names, requests, first);
  Found found = co_await read_entries(core, std::move(names));
  std::vector<PutReply> replies;
  for (const PutRequest& request : requests) {
    PutReply reply;
    const auto entry = found.find(std::pair(request.priority, request.job_id));
    if (entry == found.end()) {
      reply.outcome = PutOutcome::Unknown;
    } else {
      reply.path = entry->second;
      found.erase(entry);
    }
    replies.push_back(std::move(reply));
  }
  co_return replies;
}

std::vector<int> priorities_of(std::span<const PutRequest> requests) {
  std::vector<int> priorities;
  for (const PutRequest& request : requests) priorities.push_back(request.priority);
  return priorities;
}

// One multi, or one create.
awaitable<std::vector<PutReply>> put_batch(std::shared_ptr<QueueCore> core,
                                           std::span<const PutRequest> requests) {
  std::string announced = core->announcement_with(priorities_of(requests));
  for (bool folders_made = false;; folders_made = true) {
    const std::int64_t first = core->next_sequence();
    std::vector<zookeeper::Operation> operations;
    for (const PutRequest& request : requests) {
      operations.push_back(
          zookeeper::create_operation(path_to_create(*core, request), request.job_id,
                                      zookeeper::CreateMode::PersistentSequential));
    }
    if (!announced.empty()) {
      operations.push_back(zookeeper::set_operation(core->entries_path(), announced));
    }
    const auto reply = co_await core->send(std::move(operations));
    if (reply.error == ZnodeError::NoNode && !folders_made) {
      co_await core->ensure_folders();
      continue;
    }
    if (reply.error == ZnodeError::NotAllowed && !announced.empty()) {
      announced.clear();  // one who may create, but not write: the news will be found later
      continue;
    }
    std::vector<PutReply> replies;
    if (zookeeper::outcome_unknown(reply.error)) {
      replies = co_await look_for(core, requests, first);
      co_return replies;
    }
    if (reply.error != ZnodeError::Ok) {
      throw runtime::Failure("cannot put " + requests.front().job_id.substr(0, 100) +
                             " into the queue " + core->entries_path() + ": " +
                             std::string(text(reply.error)));
    }
    core->counters().puts += requests.size();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      PutReply made;
      made.path = reply.results.at(i).path;
      core->learn_from(made.path);
      replies.push_back(std::move(made));
    }
    co_return replies;
  }
}

using Calls = std::vector<std::shared_ptr<PutCall>>;

// The first of those that wait that fit into one multi: at least one.
Calls first_of(PutLine& line) {
  Calls calls;
  std::size_t requests = 0;
  std::size_t bytes = 0;
  while (!line.calls.empty()) {
    const auto& call = line.calls.front();
    requests += call->requests.size();
    for (const PutRequest& request : call->requests) bytes += size_of(request);
    if (!calls.empty() && (requests > most_operations || bytes > most_bytes)) break;
    calls.push_back(call);
    line.calls.pop_front();
  }
  return calls;
}

// All of `calls` in one multi; each knows its replies afterwards, or why there are none.
awaitable<void> put_together(std::shared_ptr<QueueCore> core, Calls calls) {
  std::vector<PutRequest> requests;
  for (const auto& call : calls) {
    requests.insert(requests.end(), call->requests.begin(), call->requests.end());
  }
  std::exception_ptr failure;
  std::vector<PutReply> replies;
  try {
    replies = co_await put_batch(core, requests);
  } catch (const runtime::Failure&) {
    failure = std::current_exception();
  }
  if (failure && calls.size() > 1) {
    // Refused: nothing was done. Alone, each is told whether it was its own fault.
    for (const auto& call : calls) {
      Calls one(1, call);
      co_await put_together(core, std::move(one));
    }
    co_return;
  }
  auto next = replies.begin();
  for (const auto& call : calls) {
    call->failure = failure;
    if (!failure) {
      const auto end = next + static_cast<std::ptrdiff_t>(call->requests.size());
      call->replies.assign(std::make_move_iterator(next), std::make_move_iterator(end));
      next = end;
    }
    call->ended.raise();
  }
}

awaitable<void> send_puts(std::shared_ptr<QueueCore> core) {
  auto loop = co_await asio::this_coro::executor;
  PutLine& line = core->puts();
  line.senders.began();
  while (!line.calls.empty()) {
    Calls calls = first_of(line);
    if (!line.calls.empty() && line.senders.may_begin(line.calls.size() >= most_operations))
      core->spawn(loop, send_puts(core));
    co_await put_together(core, std::move(calls));
  }
  line.senders.ended();
}

}  // namespace

// Views that know of one priority take new entries to bear it: others are announced, README.md "The
// view". An announcement replaces the one before, which nobody may have seen: so it says again what
// was put of late.
std::string QueueCore::announcement_with(const std::vector<int>& priorities) {
  const auto now = runtime::Clock::now();
  for (const int priority : priorities) put_priorities_[priority] = now;
  std::erase_if(put_priorities_, [now](const auto& put) { return now - put.second > of_late; });
  std::vector<int> recent;
  for (const auto& [priority, when] : put_priorities_) recent.push_back(priority);
  return announcement_of(recent);
}

awaitable<std::vector<PutReply>> put_entries(std::shared_ptr<QueueCore> core,
                                             std::vector<PutRequest> requests) {
  std::vector<PutReply> replies;
  if (requests.empty()) co_return replies;
  auto loop = co_await asio::this_coro::executor;
  // Where the numbers begin, so that an answer that is lost can be looked for among few.
  if (core->next_sequence() < 0) {
    const auto folder = co_await core->session().exists(core->entries_path());
    if (folder.error == ZnodeError::Ok) core->learn_from(folder.stat);
  }
  const std::span<const PutRequest> all(requests);
  for (std::size_t from = 0; from < all.size();) {
    const std::size_t size = batch_size(all.subspan(from));
    const auto batch = all.subspan(from, size);
    auto call = std::make_shared<PutCall>();
    call->requests.assign(batch.begin(), batch.end());
    PutLine& line = core->puts();
    line.calls.push_back(call);
    if (line.senders.may_begin(line.calls.size() >= most_operations))
      core->spawn(loop, send_puts(core));
    co_await call->ended.wait();
    if (call->failure) std::rethrow_exception(call->failure);
    std::move(call->replies.begin(), call->replies.end(), std::back_inserter(replies));
    from += size;
  }
  co_return replies;
}

}  // namespace jobengine::queue
