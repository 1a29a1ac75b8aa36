#include "common/repair/repair_plan.hpp"

#include <catch2/catch.hpp>

#include "common/repair/waiting_jobs.hpp"

using namespace jobengine::repair;
using jobengine::runtime::Instant;
using jobengine::runtime::parse_instant;
using jobengine::runtime::Span;
using jobengine::runtime::text;
using namespace std::chrono_literals;
using jobengine::queue::EntryName;

namespace {

const Instant start = *parse_instant("2026-11-21T12:00:00Z");

// A queue and a store that are looked at again and again.
struct Scene {
  std::vector<QueueEntry> entries;
  std::vector<WaitingJob> jobs;
  RepairLimits limits;
  Instant time = start;
  Suspicions suspicions;

  void job(const std::string& id, int priority = 999, Span age = 1h) {
    WaitingJob added;
    added.id = id;
    added.priority = priority;
    added.updated = time - age;
    added.created = text(added.updated);
    jobs.push_back(added);
  }
  QueueEntry& entry(int priority, int sequence, const std::string& job_id,
                    JobStanding standing = JobStanding::Active) {
    QueueEntry added;
    added.name = EntryName{priority, sequence};
    added.job_id = job_id;
    added.standing = standing;
    return entries.emplace_back(added);
  }
  RepairPlan pass() {
    RepairPlan plan = plan_repair(entries, jobs, suspicions, limits, time);
    suspicions = plan.suspicions;
    time += 15s;
    return plan;
  }
};

using Ids = std::vector<std::string>;

Ids pushed(const RepairPlan& plan) {
  Ids ids;
  for (const Push& push : plan.pushes) ids.push_back(push.job_id);
  return ids;
}

}  // namespace

TEST_CASE("repair: a job without an entry is pushed when two passes saw it so", "[repair]") {
  Scene scene;
  scene.job("job/a", 50);
  scene.job("job/b");
  scene.entry(999, 1, "job/b");
  CHECK(scene.pass().pushes.empty());
  const RepairPlan plan = scene.pass();
  REQUIRE(pushed(plan) == Ids{"job/a"});
  CHECK(plan.pushes[0].priority == 50);
  // Pushed once; if that came to nothing, it takes two more passes.
  CHECK(scene.pass().pushes.empty());
  CHECK(pushed(scene.pass()) == Ids{"job/a"});
}

TEST_CASE("repair: a job that got its entry meanwhile, or ended, is left alone", "[repair]") {
  Scene scene;
  scene.job("job/a");
  scene.pass();
  scene.entry(999, 1, "job/a");
  CHECK(scene.pass().pushes.empty());
  scene.entries.clear();
  CHECK(scene.pass().pushes.empty());  // one sighting again
  scene.jobs.clear();
  CHECK(scene.pass().pushes.empty());
}

TEST_CASE("repair: a young job has the grace period to get its entry", "[repair]") {
  Scene scene;
  scene.job("job/a", 999, 1s);
  for (int i = 0; i < 4; ++i) CHECK(scene.pass().pushes.empty());
  CHECK(pushed(scene.pass()) == Ids{"job/a"});  // a minute old
}

TEST_CASE("repair: whoever ran a job has the grace period to notice that its lock is gone",
          "[repair]") {
  Scene scene;
  scene.job("job/a");  // an hour old, but its entry may have been there a moment ago
  scene.jobs[0].running = true;
  for (int i = 0; i < 4; ++i) CHECK(scene.pass().pushes.empty());
  CHECK(pushed(scene.pass()) == Ids{"job/a"});
}

TEST_CASE("repair: an API whose clock is ahead does not hold repairs back", "[repair]") {
  Scene scene;
  scene.job("job/a", 999, -24h);
  for (int i = 0; i < 4; ++i) CHECK(scene.pass().pushes.empty());
  CHECK(pushed(scene.pass()) == Ids{"job/a"});
}

TEST_CASE("repair: two looks at nearly one instant do not convict", "[repair]") {
  Scene scene;
  scene.job("job/a");
  scene.pass();
  scene.time = start + 1s;
  CHECK(scene.pass().pushes.empty());
  CHECK(pushed(scene.pass()) == Ids{"job/a"});
}

TEST_CASE("repair: a bulk job that is monitored needs no entry", "[repair]") {
  Scene scene;
  scene.job("job/a");
  scene.jobs[0].monitored = true;
  scene.pass();
  CHECK(scene.pass().pushes.empty());
}

TEST_CASE("repair: pushes go in the order of priority and creation, and only as room allows",
          "[repair]") {
  Scene scene;
  scene.limits.capacity = 4;
  scene.entry(100, 1, "job/x");
  scene.entry(100, 2, "job/y");
  scene.job("job/late", 999, 10min);
  scene.job("job/early", 999, 20min);
  scene.job("job/middle", 500, 5min);
  scene.pass();
  const RepairPlan plan = scene.pass();
  CHECK(pushed(plan) == Ids{"job/middle", "job/early"});
  CHECK(plan.waiting_for_room == 1);
}

TEST_CASE("repair: what is more urgent than some entry goes in up to twice the capacity",
          "[repair]") {
  Scene scene;
  scene.limits.capacity = 2;
  scene.entry(100, 1, "job/x");
  scene.entry(100, 2, "job/y");
  scene.job("job/same", 100);
  scene.job("job/u1", 10, 5min);
  scene.job("job/u2", 10, 4min);
  scene.job("job/u3", 10, 3min);
  scene.pass();
  const RepairPlan plan = scene.pass();
  CHECK(pushed(plan) == Ids{"job/u1", "job/u2"});
  CHECK(plan.waiting_for_room == 2);
}

TEST_CASE("repair: an entry whose job is final goes after two looks", "[repair]") {
  Scene scene;
  scene.entry(999, 1, "job/a", JobStanding::Final);
  CHECK(scene.pass().removals.empty());
  const RepairPlan plan = scene.pass();
  REQUIRE(plan.removals.size() == 1);
  CHECK(plan.removals[0].trouble == EntryTrouble::JobFinal);
}

TEST_CASE("repair: an entry whose job is gone, or is garbage, goes after the grace period",
          "[repair]") {
  Scene scene;
  scene.entry(999, 1, "job/a", JobStanding::Gone);
  scene.entry(999, 2, "");
  for (int i = 0; i < 4; ++i) CHECK(scene.pass().removals.empty());
  CHECK(scene.pass().removals.size() == 2);
}

TEST_CASE("repair: a failed look at a job convicts and acquits nobody", "[repair]") {
  Scene scene;
  scene.entry(999, 1, "job/a", JobStanding::Final);
  scene.pass();
  scene.entries[0].standing = JobStanding::Unknown;
  CHECK(scene.pass().removals.empty());
  scene.entries[0].standing = JobStanding::Final;
  CHECK(scene.pass().removals.size() == 1);
  scene.entries[0].standing = JobStanding::Active;
  CHECK(scene.pass().removals.empty());
  scene.entries[0].standing = JobStanding::Final;
  CHECK(scene.pass().removals.empty());  // the count began anew
}

TEST_CASE("repair: a taken entry is never removed", "[repair]") {
  Scene scene;
  scene.entry(999, 1, "job/a", JobStanding::Final).taken = true;
  scene.entry(999, 2, "").taken = true;
  for (int i = 0; i < 8; ++i) CHECK(scene.pass().removals.empty());
}

TEST_CASE("repair: of two entries of one job the later goes, or the one not taken", "[repair]") {
  Scene scene;
  scene.entry(999, 1, "job/a");
  scene.entry(999, 2, "job/a");
  scene.entry(10, 3, "job/b");
  scene.entry(999, 4, "job/b").taken = true;
  scene.job("job/a");
  scene.job("job/b");
  CHECK(scene.pass().removals.empty());
  const RepairPlan plan = scene.pass();
  REQUIRE(plan.removals.size() == 2);
  CHECK(plan.removals[0].name == EntryName{999, 2});
  CHECK(plan.removals[1].name == EntryName{10, 3});
  CHECK(plan.removals[1].trouble == EntryTrouble::Duplicate);
  CHECK(plan.pushes.empty());
}

TEST_CASE("repair: the priority that an edit dropped is read from the entry's path in the tags",
          "[repair]") {
  nlohmann::json row{{"id", "job/a"},
                     {"state", "RUNNING"},
                     {"created", "2026-11-21T10:00:00.000Z"},
                     {"updated", "2026-11-21T11:00:00.000Z"},
                     {"tags", {"/job/entries/entry-050-0000000012"}}};
  const WaitingJob job = waiting_job(row);
  CHECK(job.priority == 50);
  CHECK(job.running);
  CHECK(job.updated == *parse_instant("2026-11-21T11:00:00Z"));
  CHECK_FALSE(job.monitored);
  row["priority"] = 7;
  CHECK(waiting_job(row).priority == 7);
  row["tags"] = nlohmann::json::array({"monitor"});
  CHECK(waiting_job(row).monitored);
  row["state"] = "QUEUED";
  CHECK_FALSE(waiting_job(row).running);
  CHECK_FALSE(waiting_job(row).monitored);
  row["tags"] = nlohmann::json::array({"awaits-entry"});
  CHECK(waiting_job(row).fed_by_api);
  row.erase("priority");
  row.erase("tags");
  CHECK_FALSE(waiting_job(row).fed_by_api);
  CHECK(waiting_job(row).priority == 999);
}
