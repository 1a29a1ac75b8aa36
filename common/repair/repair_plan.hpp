// What the queue keeper, and `jobctl restore`, do about the differences between store and queue.
// Pure.
//
// Store and queue are never read at one instant, and searches may lag behind: nothing is believed
// that was seen only once. A difference becomes a suspicion, and leads to a repair when it is seen
// in another pass, some time later, and after the grace period.
//
// No job is run twice at a time for a repair: whoever ran a job that has lost its entry has lost
// its lock, and stops by the end of its lease at the latest. A RUNNING job is therefore pushed only
// after its entry has been missing for the grace period, which must not be shorter than the
// executors' session timeout.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "common/queue/entry_name.hpp"
#include "common/runtime/instant.hpp"

namespace jobengine::repair {

using runtime::Instant;
using runtime::Span;

// A job that is QUEUED or RUNNING in push or mixed mode, so that it should have an entry.
struct WaitingJob {
  std::string id;
  int priority = queue::lowest_urgency;
  std::string created;  // as the API writes it: sorts by time
  Instant updated;
  bool running = false;  // somebody may be at work on it
  // A bulk job that stays RUNNING on purpose, without an entry, until monitor_bulk_job ends it.
  bool monitored = false;
  // Its entry is job-api's business: it waits in the store until there is room.
  bool fed_by_api = false;
};

enum class JobStanding {
  Unknown,  // not looked up, or the lookup failed: nothing is concluded
  Active,   // neither final nor gone
  Final,
  Gone,
};

struct QueueEntry {
  queue::EntryName name;
  bool taken = false;
  std::string job_id;                           // "" : the data is no job's id
  JobStanding standing = JobStanding::Unknown;  // of the job
};

enum class EntryTrouble { JobFinal, JobGone, Garbage, Duplicate };
std::string text(EntryTrouble trouble);  // "job-final", …

// What one pass hands to the next. Empty at first.
struct Suspicions {
  struct Entry {
    EntryTrouble trouble = EntryTrouble::Garbage;
    Instant since;
  };
  std::map<std::string, Instant> missing;  // job id: since when
  std::map<queue::EntryName, Entry> dead;
};

struct RepairLimits {
  Span grace = std::chrono::seconds(60);
  // At least this far apart are the two sightings that convict (searches may lag by a second).
  Span settle = std::chrono::seconds(5);
  // How many entries the queue may hold; twice as many for jobs more urgent than some entry.
  std::size_t capacity = 10000;
};

struct Push {
  std::string job_id;
  int priority = queue::lowest_urgency;
};

struct Removal {
  queue::EntryName name;
  EntryTrouble trouble = EntryTrouble::Garbage;
};

struct RepairPlan {
  std::vector<Push> pushes;  // in the order to be made: (priority, created)
  std::vector<Removal> removals;
  Suspicions suspicions;             // for the next pass
  std::size_t waiting_for_room = 0;  // jobs that would be pushed if the queue were shorter
};

RepairPlan plan_repair(const std::vector<QueueEntry>& entries, std::vector<WaitingJob> jobs,
                       const Suspicions& before, const RepairLimits& limits, Instant now);

}  // namespace jobengine::repair
