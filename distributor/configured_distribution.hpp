// A distribution made of configuration: at each tick one job, or one for each resource found.
#pragma once

#include <string>
#include <vector>

#include "common/cimi/client.hpp"
#include "distributor/api_search.hpp"
#include "distributor/distribution.hpp"
#include "distributor/distribution_metrics.hpp"
#include "distributor/distribution_settings.hpp"

namespace jobengine::distributor {

// Lives on the loop. Client, metrics and StatsD must outlive it.
class ConfiguredDistribution final : public Distribution {
 public:
  ConfiguredDistribution(DistributionSettings settings, cimi::Client& client,
                         DistributionMetrics& metrics);

  const std::string& name() const override { return settings_.name; }
  const TickSchedule& schedule() const override { return settings_.schedule; }
  Misfire misfire() const override { return settings_.misfire; }
  bool keeps_ticks() const override { return true; }
  awaitable<PassOutcome> distribute(Pass pass) override;

 private:
  // The rows of for-each; one null row without it. Nothing: the pass ended.
  awaitable<std::optional<Rows>> rows(const Pass& pass);
  std::vector<nlohmann::json> jobs_for(const Rows& rows, const std::string& mark);
  // Drops the jobs of whose kind one is waiting or running. False: the pass ended.
  awaitable<bool> drop_overlapping(std::vector<nlohmann::json>& jobs, const Pass& pass);

  DistributionSettings settings_;
  cimi::Client& client_;
  DistributionMetrics& metrics_;
};

}  // namespace jobengine::distributor
