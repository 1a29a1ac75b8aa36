// One distribution while it is being read: built-in values, then the file's, then the options'.
#pragma once

#include <optional>
#include <string>

#include "common/configuration/yaml_document.hpp"
#include "distributor/distribution_settings.hpp"

namespace jobengine::distributor {

struct DistributionDraft {
  std::string name;
  bool enabled = true;
  // At most one of the two.
  std::optional<Span> every;
  std::optional<CronExpression> cron;
  std::optional<TimeZone> zone;  // UTC
  Span jitter{0};
  Overlap overlap = Overlap::Skip;
  Misfire misfire = Misfire::Once;
  std::optional<ForEach> for_each;
  JobTemplate job;
  Span grace = std::chrono::seconds(60);  // queue_keeper only

  bool is_keeper() const { return name == keeper_name; }
  TickSchedule schedule() const;
};

// Applies what the file says about this distribution. Throws YamlError.
void apply(const configuration::YamlNode& node, DistributionDraft& draft);

}  // namespace jobengine::distributor
