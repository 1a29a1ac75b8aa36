#include "distributor/configured_distribution.hpp"

#include <algorithm>
#include <set>

#include "common/telemetry/log.hpp"
#include "distributor/job_posting.hpp"

namespace jobengine::distributor {

using nlohmann::json;

namespace {

// So many targets are asked about in one search.
constexpr std::size_t targets_at_once = 1000;

std::string target_of(const json& job) {
  const auto target = job.find("target-resource");
  if (target == job.end() || !target->is_object()) return {};
  return target->value("href", std::string());
}

std::string kind_filter(const std::string& action, const std::vector<std::string>& targets) {
  std::string filter = "state=['QUEUED', 'RUNNING'] and action=" + cimi::quoted(action);
  if (targets.empty()) return filter + " and target-resource/href=null";
  return filter + " and target-resource/href=" + cimi::quoted_list(targets);
}

}  // namespace

ConfiguredDistribution::ConfiguredDistribution(DistributionSettings settings, cimi::Client& client,
                                               DistributionMetrics& metrics)
    : settings_(std::move(settings)), client_(client), metrics_(metrics) {}

awaitable<std::optional<Rows>> ConfiguredDistribution::rows(const Pass& pass) {
  if (!settings_.for_each) {
    Rows one_job;
    one_job.emplace_back(nullptr);
    co_return one_job;
  }
  const ForEach& source = *settings_.for_each;
  std::vector<std::string> select = source.select;
  for (const std::string& attribute : attributes_of(settings_.job)) {
    if (std::find(select.begin(), select.end(), attribute) == select.end())
      select.push_back(attribute);
  }
  co_return co_await find_all(client_, source.resource, source.filter, select, pass);
}

std::vector<json> ConfiguredDistribution::jobs_for(const Rows& rows, const std::string& mark) {
  std::vector<json> jobs;
  for (const json& row : rows) {
    auto job = job_document(settings_.job, mark, row);
    if (job) {
      jobs.push_back(std::move(*job));
      continue;
    }
    metrics_.failures.add();
    telemetry::warning("a resource lacks an attribute the job template refers to, no job for it",
                       {{"distribution", settings_.name}, {"resource", row.value("id", "")}});
  }
  return jobs;
}

awaitable<bool> ConfiguredDistribution::drop_overlapping(std::vector<json>& jobs,
                                                         const Pass& pass) {
  std::vector<std::string> targets;
  bool untargeted = false;
  for (const json& job : jobs) {
    const std::string target = target_of(job);
    untargeted = untargeted || target.empty();
    if (!target.empty()) targets.push_back(target);
  }
  std::sort(targets.begin(), targets.end());
  targets.erase(std::unique(targets.begin(), targets.end()), targets.end());
  std::vector<std::string> select;
  select.emplace_back("target-resource");
  std::set<std::string> busy;
  // A list of no targets asks about jobs without one.
  std::vector<std::vector<std::string>> questions(untargeted ? 1 : 0);
  for (std::size_t at = 0; at < targets.size(); ++at) {
    if (at % targets_at_once == 0) questions.emplace_back();
    questions.back().push_back(std::move(targets[at]));
  }
  for (const std::vector<std::string>& asked : questions) {
    const std::string filter = kind_filter(settings_.job.action, asked);
    const auto found = co_await find_all(client_, "job", filter, select, pass);
    if (!found) co_return false;
    for (const json& job : *found) busy.insert(target_of(job));
  }
  // Those of this very pass are of one kind, too, when they share a target.
  std::erase_if(jobs, [&](const json& job) { return !busy.insert(target_of(job)).second; });
  co_return true;
}

awaitable<PassOutcome> ConfiguredDistribution::distribute(Pass pass) {
  const std::string mark = mark_of(settings_.name, pass.tick);
  const auto found = co_await rows(pass);
  if (!found) co_return PassOutcome::Unfinished;
  std::vector<json> jobs = jobs_for(*found, mark);
  const std::size_t wanted = jobs.size();
  if (settings_.overlap == Overlap::Skip && !jobs.empty()) {
    const bool known = co_await drop_overlapping(jobs, pass);
    if (!known) co_return PassOutcome::Unfinished;
  }
  const std::size_t skipped = wanted - jobs.size();
  const PostingResult posted = co_await post_jobs(client_, std::move(jobs), mark, pass);
  metrics_.jobs_skipped.add(static_cast<double>(skipped));
  metrics_.jobs_created.add(static_cast<double>(posted.created));
  metrics_.failures.add(static_cast<double>(posted.refused));
  metrics_.publish("selected", found->size());
  metrics_.publish("skipped_exist", skipped);
  metrics_.publish("created", posted.created);
  const auto level = posted.created > 0 ? telemetry::Level::Info : telemetry::Level::Debug;
  telemetry::log(level, "tick worked on",
                 {{"distribution", settings_.name},
                  {"tick", text(pass.tick)},
                  {"selected", found->size()},
                  {"skipped", skipped},
                  {"existed", posted.existed},
                  {"created", posted.created}});
  co_return posted.outcome;
}

}  // namespace jobengine::distributor
