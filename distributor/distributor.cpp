#include "distributor/distributor.hpp"

#include "common/runtime/task_group.hpp"
#include "common/telemetry/log.hpp"
#include "distributor/distribution_leader.hpp"

namespace jobengine::distributor {

// One distribution, and our candidacy for it.
struct Distributor::Seat {
  Seat(zookeeper::Session& session, std::unique_ptr<Distribution> owned, std::string identifier,
       DistributionMetrics& metrics)
      : distribution(std::move(owned)),
        election(session, "/election/" + distribution->name(), std::move(identifier)),
        leader(session, *distribution, metrics) {}

  std::unique_ptr<Distribution> distribution;
  election::Election election;
  DistributionLeader leader;
};

Distributor::Distributor(zookeeper::Session& session, telemetry::Metrics& metrics,
                         telemetry::Statsd& statsd, std::string name)
    : session_(session), metrics_(metrics), statsd_(statsd), name_(std::move(name)) {}

Distributor::~Distributor() = default;

DistributionMetrics& Distributor::metrics_for(const std::string& distribution) {
  instruments_.push_back(std::make_unique<DistributionMetrics>(metrics_, statsd_, distribution));
  return *instruments_.back();
}

void Distributor::add(std::unique_ptr<Distribution> distribution) {
  DistributionMetrics& metrics = metrics_for(distribution->name());
  seats_.push_back(std::make_unique<Seat>(session_, std::move(distribution), name_, metrics));
}

awaitable<void> Distributor::run(runtime::Event& stop) {
  auto loop = co_await asio::this_coro::executor;
  runtime::TaskGroup campaigns(loop);
  for (const auto& seat : seats_) campaigns.spawn(campaign(*seat, stop));
  co_await campaigns.join();
}

awaitable<void> Distributor::campaign(Seat& seat, runtime::Event& stop) {
  const election::Election::Lead leading = [this, &seat](election::Leadership term,
                                                         runtime::Event& over) {
    return lead(seat, std::move(term), over);
  };
  co_await seat.election.campaign(leading, stop);
}

awaitable<void> Distributor::lead(Seat& seat, election::Leadership term, runtime::Event& over) {
  const auto may_write = [&seat, term] { return seat.election.holds(term); };
  try {
    co_await seat.leader.lead(may_write, over);
  } catch (const std::exception& failure) {
    telemetry::error("leadership given up",
                     {{"distribution", seat.distribution->name()}, {"error", failure.what()}});
    throw;  // the election stands again after a back-off
  }
}

}  // namespace jobengine::distributor
