// Runs every distribution behind an election of its own; all on one session.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/election/election.hpp"
#include "common/zookeeper/session.hpp"
#include "distributor/distribution.hpp"
#include "distributor/distribution_metrics.hpp"

namespace jobengine::distributor {

// Lives on the loop. Session, metrics and StatsD must outlive it.
class Distributor {
 public:
  // `name`: what our contender nodes bear, for people.
  Distributor(zookeeper::Session& session, telemetry::Metrics& metrics, telemetry::Statsd& statsd,
              std::string name);
  ~Distributor();

  // The instruments for a distribution; they live as long as the Distributor.
  DistributionMetrics& metrics_for(const std::string& distribution);
  void add(std::unique_ptr<Distribution> distribution);

  // Stands for election everywhere and leads where elected, until `stop` is raised; then gives
  // everything up and returns. The loss of the session ends leaderships only.
  awaitable<void> run(runtime::Event& stop);

 private:
  struct Seat;
  awaitable<void> campaign(Seat& seat, runtime::Event& stop);
  awaitable<void> lead(Seat& seat, election::Leadership term, runtime::Event& over);

  zookeeper::Session& session_;
  telemetry::Metrics& metrics_;
  telemetry::Statsd& statsd_;
  std::string name_;
  std::vector<std::unique_ptr<DistributionMetrics>> instruments_;
  std::vector<std::unique_ptr<Seat>> seats_;
};

}  // namespace jobengine::distributor
