#include "common/repair/queue_look.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "common/job/job.hpp"
#include "common/repair/waiting_jobs.hpp"
#include "common/runtime/interruptible.hpp"
#include "common/runtime/task_group.hpp"

namespace jobengine::repair {

using nlohmann::json;
using queue::EntryName;
using runtime::unless;

namespace {

// Reads in flight; one answer takes well under a millisecond, so more would only queue up.
constexpr std::size_t reads_at_once = 128;
// Jobs of entries that are looked up by id in one look, and in one search.
constexpr std::size_t judged_at_most = 5000;
constexpr std::size_t judged_at_once = 500;
// Pages of waiting jobs read in one look when the queue is full anyway.
constexpr int least_pages = 2;

}  // namespace

awaitable<std::optional<Sight>> QueueLook::look(const FindJobs& find, const Suspicions& suspicions,
                                                runtime::Event& over) {
  ++looks_;
  // Entries first: a job stored and pushed in between then seems to have no entry, but is young. In
  // the other order a job that ends in between would seem to have lost its entry.
  Sight sight;
  const bool have_entries = co_await read_entries(sight, over);
  if (!have_entries) co_return std::nullopt;
  const bool have_jobs = co_await read_jobs(sight, find);
  if (!have_jobs) co_return std::nullopt;
  const bool judged = co_await judge_entries(sight, find, suspicions);
  if (!judged) co_return std::nullopt;
  co_return sight;
}

awaitable<bool> QueueLook::read_entries(Sight& sight, runtime::Event& over) {
  auto asked = queue_.list();
  const auto listed = co_await unless(over, std::move(asked));
  if (!listed) co_return false;
  std::map<EntryName, std::string> known;
  std::vector<EntryName> unread;
  for (const queue::ListedEntry& entry : *listed) {
    const auto data = data_.find(entry.name);
    if (data == data_.end()) {
      unread.push_back(entry.name);
    } else {
      known.insert(std::move(*data));
    }
  }
  data_ = std::move(known);
  std::erase_if(judged_, [&](const auto& one) { return !data_.contains(one.first); });
  const bool read = co_await read_data(std::move(unread), over);
  if (!read) co_return false;
  for (const queue::ListedEntry& entry : *listed) {
    const auto data = data_.find(entry.name);
    if (data == data_.end()) continue;  // gone meanwhile
    sight.entries.push_back(
        QueueEntry{entry.name, entry.taken, data->second, JobStanding::Unknown});
  }
  co_return true;
}

awaitable<bool> QueueLook::read_data(std::vector<EntryName> names, runtime::Event& over) {
  auto loop = co_await asio::this_coro::executor;
  runtime::TaskGroup readers(loop);
  const std::size_t count = std::min(reads_at_once, names.size());
  for (std::size_t i = 0; i < count; ++i) readers.spawn(read_some(names, over));
  co_await readers.join();
  co_return !over.raised();
}

awaitable<void> QueueLook::read_some(std::vector<EntryName>& names, runtime::Event& over) {
  while (!names.empty() && !over.raised()) {
    const EntryName name = names.back();
    names.pop_back();
    auto asked = queue_.data_of(name);
    const auto answer = co_await unless(over, std::move(asked));
    if (!answer || !*answer) continue;
    const std::string& data = **answer;
    data_[name] = job::is_job_id(data) ? data : std::string();
  }
}

awaitable<bool> QueueLook::read_jobs(Sight& sight, const FindJobs& find) {
  cimi::Search search;
  search.filter = waiting_jobs_filter;
  search.orderby = waiting_jobs_order;
  search.select = waiting_jobs_select();
  search.last = page_size;
  std::set<std::string> with_entry;
  for (const QueueEntry& entry : sight.entries) with_entry.insert(entry.job_id);
  const std::size_t room = capacity_ - std::min(capacity_, sight.entries.size());
  std::set<std::string> seen;
  std::size_t missing = 0;
  for (int page = 1;; ++page) {
    auto asked = find(search);
    const auto rows = co_await std::move(asked);
    if (!rows) co_return false;
    const std::size_t before = seen.size();
    for (const json& row : *rows) {
      WaitingJob job = waiting_job(row);
      if (!seen.insert(job.id).second) continue;
      // Those that job-api feeds take the room, too.
      if (!job.monitored && !with_entry.contains(job.id)) ++missing;
      if (job.fed_by_api) continue;
      sight.jobs.push_back(std::move(job));
    }
    if (rows->size() < static_cast<std::size_t>(page_size) || seen.size() == before) break;
    if (page >= least_pages && missing >= room) break;
    search.filter = waiting_jobs_after(rows->back());
  }
  co_return true;
}

awaitable<bool> QueueLook::judge_entries(Sight& sight, const FindJobs& find,
                                         const Suspicions& suspicions) {
  std::set<std::string> active;
  for (const WaitingJob& job : sight.jobs) active.insert(job.id);
  std::vector<QueueEntry*> doubtful;
  for (QueueEntry& entry : sight.entries) {
    if (active.contains(entry.job_id)) entry.standing = JobStanding::Active;
    const bool open =
        entry.standing == JobStanding::Unknown && !entry.taken && !entry.job_id.empty();
    if (open) doubtful.push_back(&entry);
  }
  // Those under suspicion first, as they are to be seen twice; then those unseen the longest.
  const auto rank = [&](const QueueEntry* entry) {
    const auto seen = judged_.find(entry->name);
    return std::tuple(!suspicions.dead.contains(entry->name),
                      seen == judged_.end() ? 0 : seen->second, entry->name);
  };
  std::sort(doubtful.begin(), doubtful.end(), [&](const QueueEntry* one, const QueueEntry* other) {
    return rank(one) < rank(other);
  });
  if (doubtful.size() > judged_at_most) doubtful.resize(judged_at_most);
  for (std::size_t start = 0; start < doubtful.size(); start += judged_at_once) {
    const std::size_t end = std::min(start + judged_at_once, doubtful.size());
    std::vector<QueueEntry*> some(doubtful.begin() + static_cast<std::ptrdiff_t>(start),
                                  doubtful.begin() + static_cast<std::ptrdiff_t>(end));
    const bool judged = co_await judge(std::move(some), find);
    if (!judged) co_return false;
  }
  co_return true;
}

awaitable<bool> QueueLook::judge(std::vector<QueueEntry*> entries, const FindJobs& find) {
  std::vector<std::string> ids;
  for (const QueueEntry* entry : entries) ids.push_back(entry->job_id);
  cimi::Search search;
  search.filter = "id=" + cimi::quoted_list(ids);
  search.select = {"id", "state"};
  search.last = page_size;
  auto asked = find(std::move(search));
  const auto rows = co_await std::move(asked);
  if (!rows) co_return false;
  std::map<std::string, JobStanding> standings;
  for (const json& row : *rows) {
    const auto state = job::Job(row).state();
    const bool final_state = state && job::is_final(*state);
    standings[row["id"].get<std::string>()] =
        final_state ? JobStanding::Final : JobStanding::Active;
  }
  for (QueueEntry* entry : entries) {
    const auto found = standings.find(entry->job_id);
    entry->standing = found == standings.end() ? JobStanding::Gone : found->second;
    judged_[entry->name] = looks_;
  }
  co_return true;
}

}  // namespace jobengine::repair
