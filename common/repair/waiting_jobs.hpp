// How the queue keeper asks the API for the jobs that should have an entry, and reads the answer.
// Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/repair/repair_plan.hpp"

namespace jobengine::repair {

inline constexpr const char* waiting_jobs_filter =
    "state=['QUEUED', 'RUNNING'] and execution-mode=['push', 'mixed']";
// The order of the queue. The API sorts jobs without a priority last, where the queue has them.
inline constexpr const char* waiting_jobs_order = "priority:asc,created:asc";
std::vector<std::string> waiting_jobs_select();

// The filter for the page that begins with the jobs as old as `last`, the last row of a page.
std::string waiting_jobs_after(const nlohmann::json& last);

// The API keeps the path of a job's entry in its tags: there the priority is read from, which it
// drops with the first edit. Throws Failure for a row that is no job.
WaitingJob waiting_job(const nlohmann::json& row);

}  // namespace jobengine::repair
