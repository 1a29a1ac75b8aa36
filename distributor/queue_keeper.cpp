#include "distributor/queue_keeper.hpp"

#include <algorithm>
#include <tuple>

#include "common/job/job.hpp"
#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "common/telemetry/log.hpp"
#include "distributor/distribution_settings.hpp"
#include "distributor/interruptible.hpp"
#include "distributor/waiting_jobs.hpp"

namespace jobengine::distributor {

using nlohmann::json;
using queue::EntryName;

namespace {

// Reads in flight; one answer takes well under a millisecond, so more would only queue up.
constexpr std::size_t reads_at_once = 128;
// Jobs of entries that are looked up by id in one pass, and in one search.
constexpr std::size_t judged_at_most = 5000;
constexpr std::size_t judged_at_once = 500;
// Bounds the time for which a lost lease could go unnoticed between two checks.
constexpr std::size_t pushes_at_once = 500;
// Pages of waiting jobs read in one pass when the queue is full anyway.
constexpr int least_pages = 2;

}  // namespace

QueueKeeper::QueueKeeper(KeeperOptions options, cimi::Client& client, queue::LockingQueue& queue,
                         telemetry::Metrics& all_metrics, DistributionMetrics& metrics)
    : name_(keeper_name),
      options_(std::move(options)),
      client_(client),
      queue_(queue),
      all_metrics_(all_metrics),
      metrics_(metrics),
      entries_gauge_(all_metrics.gauge("jobengine_queue_entries",
                                       "Entries in the queue, as the keeper last saw it")),
      waiting_gauge_(all_metrics.gauge("jobengine_queue_waiting_for_room",
                                       "Jobs in the store that wait for room in the queue")),
      pushed_(all_metrics.counter("jobengine_queue_keeper_pushed_total",
                                  "Entries made for jobs that had none")) {}

awaitable<PassOutcome> QueueKeeper::distribute(Pass pass) {
  for (;;) {
    const bool looked = co_await look_and_repair(pass);
    if (!looked) co_return PassOutcome::Unfinished;
    if (waiting_ == 0) co_return PassOutcome::Done;
    const bool room = co_await wait_for_room(pass);
    if (!room) co_return PassOutcome::Done;
  }
}

awaitable<bool> QueueKeeper::wait_for_room(const Pass& pass) {
  const std::size_t low = options_.limits.capacity - options_.limits.capacity / 4;
  for (;;) {
    const bool go_on = co_await wait_for_retry(std::chrono::seconds(1), pass);
    if (!go_on) co_return false;
    auto asked = queue_.depth();
    const auto depth = co_await unless(*pass.over, std::move(asked));
    if (!depth) co_return false;
    if (depth->entries <= low) co_return true;
  }
}

awaitable<bool> QueueKeeper::look_and_repair(const Pass& pass) {
  ++passes_;
  const auto view = co_await look(pass);
  if (!view) co_return false;
  RepairPlan plan = plan_repair(view->entries, view->jobs, suspicions_, options_.limits, now());
  suspicions_ = std::move(plan.suspicions);
  waiting_ = plan.waiting_for_room;
  publish(*view, plan);
  co_await push(std::move(plan.pushes), pass);
  co_await remove(std::move(plan.removals), pass);
  co_await sweep_records(pass);
  co_return !pass.over->raised();
}

awaitable<std::optional<QueueKeeper::View>> QueueKeeper::look(const Pass& pass) {
  // Entries first: a job stored and pushed in between then seems to have no entry, but is young. In
  // the other order a job that ends in between would seem to have lost its entry.
  View view;
  const bool have_entries = co_await read_entries(view, pass);
  if (!have_entries) co_return std::nullopt;
  const bool have_jobs = co_await read_jobs(view, pass);
  if (!have_jobs) co_return std::nullopt;
  const bool judged = co_await judge_entries(view, pass);
  if (!judged) co_return std::nullopt;
  co_return view;
}

awaitable<bool> QueueKeeper::read_entries(View& view, const Pass& pass) {
  auto asked = queue_.list();
  const auto listed = co_await unless(*pass.over, std::move(asked));
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
  const bool read = co_await read_data(std::move(unread), pass);
  if (!read) co_return false;
  for (const queue::ListedEntry& entry : *listed) {
    const auto data = data_.find(entry.name);
    if (data == data_.end()) continue;  // gone meanwhile
    view.entries.push_back(QueueEntry{entry.name, entry.taken, data->second, JobStanding::Unknown});
  }
  co_return true;
}

awaitable<bool> QueueKeeper::read_data(std::vector<EntryName> names, const Pass& pass) {
  auto loop = co_await asio::this_coro::executor;
  runtime::TaskGroup readers(loop);
  const std::size_t count = std::min(reads_at_once, names.size());
  for (std::size_t i = 0; i < count; ++i) readers.spawn(read_some(names, pass));
  co_await readers.join();
  co_return !pass.over->raised();
}

awaitable<void> QueueKeeper::read_some(std::vector<EntryName>& names, const Pass& pass) {
  while (!names.empty() && !pass.over->raised()) {
    const EntryName name = names.back();
    names.pop_back();
    auto asked = queue_.data_of(name);
    const auto answer = co_await unless(*pass.over, std::move(asked));
    if (!answer || !*answer) continue;
    const std::string& data = **answer;
    data_[name] = job::is_job_id(data) ? data : std::string();
  }
}

awaitable<bool> QueueKeeper::read_jobs(View& view, const Pass& pass) {
  cimi::Search search;
  search.filter = waiting_jobs_filter;
  search.orderby = waiting_jobs_order;
  search.select = waiting_jobs_select();
  search.last = page_size;
  std::set<std::string> with_entry;
  for (const QueueEntry& entry : view.entries) with_entry.insert(entry.job_id);
  const std::size_t capacity = options_.limits.capacity;
  const std::size_t room = capacity - std::min(capacity, view.entries.size());
  std::set<std::string> seen;
  std::size_t missing = 0;
  for (int page = 1;; ++page) {
    auto rows = co_await find_page(client_, "job", search, pass);
    if (!rows) co_return false;
    const std::size_t before = seen.size();
    for (const json& row : *rows) {
      WaitingJob job = waiting_job(row);
      if (!seen.insert(job.id).second) continue;
      if (job.fed_by_api) continue;
      if (!job.monitored && !with_entry.contains(job.id)) ++missing;
      view.jobs.push_back(std::move(job));
    }
    if (rows->size() < static_cast<std::size_t>(page_size) || seen.size() == before) break;
    if (page >= least_pages && missing >= room) break;
    search.filter = waiting_jobs_after(rows->back());
  }
  co_return true;
}

awaitable<bool> QueueKeeper::judge_entries(View& view, const Pass& pass) {
  std::set<std::string> active;
  for (const WaitingJob& job : view.jobs) active.insert(job.id);
  std::vector<QueueEntry*> doubtful;
  for (QueueEntry& entry : view.entries) {
    if (active.contains(entry.job_id)) entry.standing = JobStanding::Active;
    const bool open =
        entry.standing == JobStanding::Unknown && !entry.taken && !entry.job_id.empty();
    if (open) doubtful.push_back(&entry);
  }
  // Those under suspicion first, as they are to be seen twice; then those unseen the longest.
  const auto rank = [this](const QueueEntry* entry) {
    const auto seen = judged_.find(entry->name);
    return std::tuple(!suspicions_.dead.contains(entry->name),
                      seen == judged_.end() ? 0 : seen->second, entry->name);
  };
  std::sort(doubtful.begin(), doubtful.end(), [&](const QueueEntry* one, const QueueEntry* other) {
    return rank(one) < rank(other);
  });
  if (doubtful.size() > judged_at_most) doubtful.resize(judged_at_most);
  for (std::size_t start = 0; start < doubtful.size(); start += judged_at_once) {
    const std::size_t end = std::min(start + judged_at_once, doubtful.size());
    std::vector<std::string> ids;
    for (std::size_t i = start; i < end; ++i) ids.push_back(doubtful[i]->job_id);
    cimi::Search search;
    search.filter = "id=" + cimi::quoted_list(ids);
    search.select = {"id", "state"};
    search.last = page_size;
    const auto rows = co_await find_page(client_, "job", search, pass);
    if (!rows) co_return false;
    std::map<std::string, JobStanding> standings;
    for (const json& row : *rows) {
      const auto state = job::Job(row).state();
      const bool final_state = state && job::is_final(*state);
      standings[row["id"].get<std::string>()] =
          final_state ? JobStanding::Final : JobStanding::Active;
    }
    for (std::size_t i = start; i < end; ++i) {
      const auto found = standings.find(doubtful[i]->job_id);
      doubtful[i]->standing = found == standings.end() ? JobStanding::Gone : found->second;
      judged_[doubtful[i]->name] = passes_;
    }
  }
  co_return true;
}

awaitable<void> QueueKeeper::push(std::vector<Push> pushes, const Pass& pass) {
  for (std::size_t start = 0; start < pushes.size(); start += pushes_at_once) {
    if (pass.over->raised() || !pass.may_write()) co_return;
    const std::size_t end = std::min(start + pushes_at_once, pushes.size());
    std::vector<queue::PutRequest> requests;
    for (std::size_t i = start; i < end; ++i) {
      requests.push_back(queue::PutRequest{pushes[i].job_id, pushes[i].priority});
    }
    JE_CRASH_POINT("keeper.push.before");
    auto asked = queue_.put_all(std::move(requests));
    const auto replies = co_await unless(*pass.over, std::move(asked));
    JE_CRASH_POINT("keeper.push.after");
    if (!replies) co_return;
    pushed_.add(static_cast<double>(replies->size()));
  }
  if (!pushes.empty()) {
    telemetry::info("pushed jobs that had no entry",
                    {{"jobs", pushes.size()}, {"first", pushes.front().job_id}});
  }
}

awaitable<void> QueueKeeper::remove(std::vector<Removal> removals, const Pass& pass) {
  for (const Removal& removal : removals) {
    if (pass.over->raised() || !pass.may_write()) co_return;
    JE_CRASH_POINT("keeper.remove.before");
    auto asked = queue_.remove_untaken(removal.name);
    const auto removed = co_await unless(*pass.over, std::move(asked));
    JE_CRASH_POINT("keeper.remove.after");
    if (!removed) co_return;
    if (!*removed) continue;
    const std::string reason = text(removal.trouble);
    all_metrics_
        .counter("jobengine_queue_keeper_removed_total",
                 "Entries removed, by what was wrong with them", {{"reason", reason}})
        .add();
    telemetry::info("removed a dead entry", {{"entry", removal.name.text()}, {"reason", reason}});
  }
}

// Executors of other makes consume entries without the records our executors keep beside them.
awaitable<void> QueueKeeper::sweep_records(const Pass& pass) {
  if (pass.over->raised() || !pass.may_write()) co_return;
  auto asked = queue_.sweep_attempt_records();
  const auto swept = co_await unless(*pass.over, std::move(asked));
  if (swept && *swept > 0) {
    telemetry::info("removed attempt records whose entries are gone", {{"records", *swept}});
  }
}

void QueueKeeper::publish(const View& view, const RepairPlan& plan) {
  entries_gauge_.set(static_cast<double>(view.entries.size()));
  waiting_gauge_.set(static_cast<double>(plan.waiting_for_room));
  metrics_.publish("entries", view.entries.size());
  metrics_.publish("pushed", plan.pushes.size());
  metrics_.publish("removed", plan.removals.size());
  metrics_.publish("waiting_for_room", plan.waiting_for_room);
}

}  // namespace jobengine::distributor
