// The distributions of a distributor: the built-in ones, changed and joined by what the YAML file
// says under `distributions:` (docs/distributions.md), and by Nuvla's options.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/configuration/yaml_document.hpp"
#include "distributor/job_template.hpp"
#include "distributor/schedule/misfire.hpp"
#include "distributor/schedule/tick_schedule.hpp"

namespace jobengine::distributor {

enum class Overlap {
  Skip,   // no second job while one of that action and target is QUEUED or RUNNING
  Allow,  // a job each tick
};

// One job for each resource of a collection that matches.
struct ForEach {
  std::string resource;  // collection, "deployment"
  std::string filter;    // "" : all
  std::vector<std::string> select;
};

struct DistributionSettings {
  std::string name;
  TickSchedule schedule;
  Overlap overlap = Overlap::Skip;
  Misfire misfire = Misfire::Once;
  std::optional<ForEach> for_each;
  JobTemplate job;
};

struct KeeperSettings {
  TickSchedule schedule;
  Span grace;
};

struct DistributorSettings {
  std::vector<DistributionSettings> distributions;  // those that are to run
  std::optional<KeeperSettings> keeper;             // nothing: not to run
};

inline constexpr const char* keeper_name = "queue_keeper";

struct DistributionChoices {
  std::vector<std::string> exclude;    // names
  std::vector<std::string> intervals;  // "NAME:SECONDS"
};

// Built-in names of Nuvla's that differ from the name of the election are accepted for it:
// monitor_bulk_jobs for monitor_bulk_job. Throws YamlError naming file and line for anything wrong
// in `configured`, and UsageError for anything wrong in `choices`.
DistributorSettings read_distributions(const std::optional<configuration::YamlNode>& configured,
                                       const DistributionChoices& choices);

}  // namespace jobengine::distributor
