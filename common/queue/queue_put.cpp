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

// (priority, job id) → the entries among `names` that still exist.
using Found = std::multimap<std::pair<int, std::string>, EntryName>;
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
      found.emplace(std::pair(names[i].priority, std::move(read.data)), names[i]);
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
  auto& told = core->puts().told;
  std::erase_if(found, [&told](const auto& entry) { return told.contains(entry.second.sequence); });
  std::vector<PutReply> replies;
  for (const PutRequest& request : requests) {
    PutReply reply;
    const auto entry = found.find(std::pair(request.priority, request.job_id));
    if (entry == found.end()) {
      reply.outcome = PutOutcome::Unknown;
    } else {
      reply.path = core->entry_path(entry->second);
      told.insert(entry->second.sequence);
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

// What another multi that is under way must not take for its own.
class NumbersUnderWay {
 public:
  NumbersUnderWay(PutLine& line, std::int64_t first) : line_(line), first_(first) {
    line_.first_numbers.insert(first_);
  }
  ~NumbersUnderWay() {
    line_.first_numbers.erase(line_.first_numbers.find(first_));
    const auto end = line_.first_numbers.empty()
                         ? line_.told.end()
                         : line_.told.lower_bound(*line_.first_numbers.begin());
    line_.told.erase(line_.told.begin(), end);
  }
  NumbersUnderWay(const NumbersUnderWay&) = delete;
  NumbersUnderWay& operator=(const NumbersUnderWay&) = delete;

 private:
  PutLine& line_;
  const std::int64_t first_;
};

void tell(QueueCore& core, const std::string& path) {
  core.learn_from(path);
  const auto name = parse_entry_name(std::string_view(path).substr(path.rfind('/') + 1));
  if (name) core.puts().told.insert(name->sequence);
}

// One multi, or one create.
awaitable<std::vector<PutReply>> put_batch(std::shared_ptr<QueueCore> core,
                                           std::span<const PutRequest> requests) {
  std::string announced = core->announcement_with(priorities_of(requests));
  for (bool folders_made = false;; folders_made = true) {
    const std::int64_t first = core->next_sequence();
    const NumbersUnderWay numbers(core->puts(), first);
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
      tell(*core, made.path);
      replies.push_back(std::move(made));
    }
    co_return replies;
  }
}

using Calls = std::vector<std::shared_ptr<PutCall>>;

bool full(const PutLine& line) {
  return line.requests >= most_operations;
}

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
    line.requests -= call->requests.size();
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
    if (!line.calls.empty() && line.senders.may_begin(full(line)))
      core->spawn(loop, send_puts(core));
    co_await put_together(core, std::move(calls));
  }
  line.senders.ended();
}

// One for each multi that `requests` need.
Calls calls_for(std::span<const PutRequest> requests) {
  Calls calls;
  for (std::size_t from = 0; from < requests.size();) {
    const auto batch = requests.subspan(from, batch_size(requests.subspan(from)));
    const auto call = std::make_shared<PutCall>();
    call->requests.assign(batch.begin(), batch.end());
    calls.push_back(call);
    from += batch.size();
  }
  return calls;
}

// Those of `calls` that are not on their way yet never will be.
void withdraw(PutLine& line, const Calls& calls) {
  std::erase_if(line.calls, [&line, &calls](const auto& waiting) {
    const bool ours = std::find(calls.begin(), calls.end(), waiting) != calls.end();
    if (!ours) return false;
    line.requests -= waiting->requests.size();
    waiting->ended.raise();
    return true;
  });
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
    // Each of several multis would be sent again, and not in their order.
    if (folder.error == ZnodeError::NoNode) co_await core->ensure_folders();
  }
  // Several are under way at a time: they are sent, and so applied and numbered, in this order.
  PutLine& line = core->puts();
  const Calls calls = calls_for(requests);
  for (const auto& call : calls) {
    line.calls.push_back(call);
    line.requests += call->requests.size();
  }
  if (line.senders.may_begin(full(line))) core->spawn(loop, send_puts(core));
  std::exception_ptr failure;
  for (const auto& call : calls) {
    co_await call->ended.wait();
    std::move(call->replies.begin(), call->replies.end(), std::back_inserter(replies));
    if (failure || !call->failure) continue;
    failure = call->failure;
    withdraw(line, calls);
  }
  if (failure) std::rethrow_exception(failure);
  co_return replies;
}

}  // namespace jobengine::queue
