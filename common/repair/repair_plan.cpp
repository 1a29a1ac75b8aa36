#include "common/repair/repair_plan.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

namespace jobengine::repair {

namespace {

// For each job with several entries: the one that stays. A taken one if there is one, as somebody
// is at work on it; else the one that is served first.
std::map<std::string, queue::EntryName> rightful_entries(const std::vector<QueueEntry>& entries) {
  std::map<std::string, const QueueEntry*> best;
  for (const QueueEntry& entry : entries) {
    if (entry.job_id.empty()) continue;
    const QueueEntry*& present = best[entry.job_id];
    const auto rank = [](const QueueEntry& one) { return std::tuple(!one.taken, one.name); };
    if (present == nullptr || rank(entry) < rank(*present)) present = &entry;
  }
  std::map<std::string, queue::EntryName> names;
  for (const auto& [job, entry] : best) names.emplace(job, entry->name);
  return names;
}

std::optional<EntryTrouble> trouble_of(const QueueEntry& entry, const queue::EntryName& rightful) {
  if (entry.job_id.empty()) return EntryTrouble::Garbage;
  if (entry.standing == JobStanding::Final) return EntryTrouble::JobFinal;
  if (entry.standing == JobStanding::Gone) return EntryTrouble::JobGone;
  if (entry.name != rightful) return EntryTrouble::Duplicate;
  return std::nullopt;
}

// A final job stays final and a duplicate is one job's matter; what is gone may only be late (the
// original pushes before it stores), and garbage may be somebody's work in progress.
bool needs_grace(EntryTrouble trouble) {
  return trouble == EntryTrouble::JobGone || trouble == EntryTrouble::Garbage;
}

void plan_removals(const std::vector<QueueEntry>& entries, const Suspicions& before,
                   const RepairLimits& limits, Instant now, RepairPlan& plan) {
  const auto rightful = rightful_entries(entries);
  for (const QueueEntry& entry : entries) {
    if (entry.taken) continue;
    const auto own = rightful.find(entry.job_id);
    const auto trouble = trouble_of(entry, own == rightful.end() ? entry.name : own->second);
    const auto known = before.dead.find(entry.name);
    if (!trouble) {
      if (entry.standing == JobStanding::Unknown && known != before.dead.end()) {
        plan.suspicions.dead.insert(*known);
      }
      continue;
    }
    const bool same = known != before.dead.end() && known->second.trouble == *trouble;
    const Instant since = same ? known->second.since : now;
    const bool patient = needs_grace(*trouble) && now - since < limits.grace;
    if (now - since >= limits.settle && !patient) {
      plan.removals.push_back(Removal{entry.name, *trouble});
    }
    plan.suspicions.dead[entry.name] = Suspicions::Entry{*trouble, since};
  }
}

int least_urgent(const std::vector<QueueEntry>& entries) {
  int priority = queue::highest_urgency;
  for (const QueueEntry& entry : entries) priority = std::max(priority, entry.name.priority);
  return priority;
}

void plan_pushes(const std::vector<QueueEntry>& entries, const std::vector<WaitingJob>& jobs,
                 const Suspicions& before, const RepairLimits& limits, Instant now,
                 RepairPlan& plan) {
  std::set<std::string> present;
  for (const QueueEntry& entry : entries) present.insert(entry.job_id);
  std::size_t depth = entries.size();
  const int least = least_urgent(entries);
  for (const WaitingJob& job : jobs) {
    if (job.monitored || present.contains(job.id)) continue;
    const auto known = before.missing.find(job.id);
    const Instant since = known == before.missing.end() ? now : known->second;
    plan.suspicions.missing[job.id] = since;
    // The API's clock may differ from ours: having watched for the grace period is as good. It is
    // the only way to know of a lock how long it has been gone.
    const bool old = !job.running && now - job.updated >= limits.grace;
    const bool late = old || now - since >= limits.grace;
    if (!late || now - since < limits.settle) continue;
    const std::size_t room = job.priority < least ? 2 * limits.capacity : limits.capacity;
    if (depth >= room) {
      ++plan.waiting_for_room;
      continue;
    }
    ++depth;
    plan.pushes.push_back(Push{job.id, job.priority});
    plan.suspicions.missing.erase(job.id);
  }
}

}  // namespace

std::string text(EntryTrouble trouble) {
  switch (trouble) {
    case EntryTrouble::JobFinal:
      return "job-final";
    case EntryTrouble::JobGone:
      return "job-gone";
    case EntryTrouble::Garbage:
      return "garbage";
    case EntryTrouble::Duplicate:
      return "duplicate";
  }
  return {};
}

RepairPlan plan_repair(const std::vector<QueueEntry>& entries, std::vector<WaitingJob> jobs,
                       const Suspicions& before, const RepairLimits& limits, Instant now) {
  RepairPlan plan;
  std::sort(jobs.begin(), jobs.end(), [](const WaitingJob& one, const WaitingJob& other) {
    return std::tie(one.priority, one.created, one.id) <
           std::tie(other.priority, other.created, other.id);
  });
  plan_removals(entries, before, limits, now, plan);
  plan_pushes(entries, jobs, before, limits, now, plan);
  return plan;
}

}  // namespace jobengine::repair
