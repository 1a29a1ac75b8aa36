#include "common/repair/waiting_jobs.hpp"

#include <algorithm>

#include "common/cimi/search.hpp"
#include "common/job/job.hpp"

namespace jobengine::repair {

using nlohmann::json;

namespace {

bool has_tag(const json& tags, const char* tag) {
  return tags.is_array() && std::find(tags.begin(), tags.end(), json(tag)) != tags.end();
}

std::optional<int> priority_of_tags(const json& tags) {
  if (!tags.is_array()) return std::nullopt;
  for (const json& tag : tags) {
    if (!tag.is_string()) continue;
    const std::string path = tag.get<std::string>();
    const auto name = queue::parse_entry_name(std::string_view(path).substr(path.rfind('/') + 1));
    if (name) return name->priority;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::string> waiting_jobs_select() {
  return {"id", "state", "priority", "created", "updated", "tags"};
}

std::string waiting_jobs_after(const json& last) {
  const std::string filter = waiting_jobs_filter;
  const std::string created = "created>=" + cimi::quoted(last.value("created", std::string()));
  const auto priority = last.find("priority");
  if (priority == last.end() || !priority->is_number_integer()) {
    return filter + " and priority=null and " + created;
  }
  const std::string number = std::to_string(priority->get<int>());
  return filter + " and (priority=null or priority>" + number + " or (priority=" + number +
         " and " + created + "))";
}

WaitingJob waiting_job(const json& row) {
  const job::Job read(row);
  WaitingJob result;
  result.id = read.id();
  const json tags = row.value("tags", json());
  result.running = read.state() == job::JobState::Running;
  result.monitored = read.state() == job::JobState::Running && has_tag(tags, "monitor");
  result.fed_by_api = has_tag(tags, job::awaits_entry_tag);
  result.priority = queue::lowest_urgency;
  if (const auto kept = priority_of_tags(tags)) result.priority = *kept;
  if (const auto priority = read.priority()) result.priority = *priority;
  result.created = row.value("created", std::string());
  const std::string updated = row.value("updated", result.created);
  result.updated = runtime::parse_instant(updated).value_or(Instant{});
  return result;
}

}  // namespace jobengine::repair
