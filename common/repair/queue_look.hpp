// One look at queue and store together, for whoever repairs the differences.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/cimi/search.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/repair/repair_plan.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::repair {

// What a look has found, for plan_repair().
struct Sight {
  std::vector<QueueEntry> entries;
  std::vector<WaitingJob> jobs;
};

// The rows of one search for jobs; nothing: interrupted.
using JobRows = std::vector<nlohmann::json>;
using FindJobs = std::function<awaitable<std::optional<JobRows>>(cimi::Search)>;

// The most the API gives in one answer.
inline constexpr int page_size = 10000;

// Lives on the loop. The queue must outlive it.
class QueueLook {
 public:
  // Of the jobs without entry, not many more are read than the queue has room for.
  QueueLook(queue::LockingQueue& queue, std::size_t capacity)
      : queue_(queue), capacity_(capacity) {}

  // Nothing when `over` was raised, or a search interrupted, meanwhile. `suspicions`: of the look
  // before. `find` and `over` outlive the call. Only one look at a time.
  awaitable<std::optional<Sight>> look(const FindJobs& find, const Suspicions& suspicions,
                                       runtime::Event& over);

 private:
  awaitable<bool> read_entries(Sight& sight, runtime::Event& over);
  awaitable<bool> read_data(std::vector<queue::EntryName> names, runtime::Event& over);
  awaitable<void> read_some(std::vector<queue::EntryName>& names, runtime::Event& over);
  awaitable<bool> read_jobs(Sight& sight, const FindJobs& find);
  awaitable<bool> judge_entries(Sight& sight, const FindJobs& find, const Suspicions& suspicions);
  awaitable<bool> judge(std::vector<QueueEntry*> entries, const FindJobs& find);

  queue::LockingQueue& queue_;
  std::size_t capacity_;
  // Job ids of the entries that are there, so that each entry is read once. "": garbage.
  std::map<queue::EntryName, std::string> data_;
  // When the job of an entry was last looked up; those unseen the longest go first.
  std::map<queue::EntryName, std::uint64_t> judged_;
  std::uint64_t looks_ = 0;
};

}  // namespace jobengine::repair
