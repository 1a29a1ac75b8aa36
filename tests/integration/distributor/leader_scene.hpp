// One distribution "d" with a ledger in a real ZooKeeper and an API in memory, and its leaders.
#pragma once

#include <functional>
#include <memory>

#include "common/runtime/task_group.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "distributor/configured_distribution.hpp"
#include "distributor/distribution_leader.hpp"
#include "tests/integration/distributor/memory_api.hpp"
#include "tests/servers/zookeeper_server.hpp"

namespace jobengine::tests {

// In a tree of its own. Leaders of it come and go; the session is closed by the test.
struct LeaderScene {
  LeaderScene(asio::io_context& loop, distributor::TickSchedule schedule,
              distributor::Misfire misfire = distributor::Misfire::Once,
              std::optional<distributor::ForEach> rows = std::nullopt)
      : session(zookeeper::make_session(
            loop, zookeeper::parse_hosts({ZooKeeperServer::shared().fresh_chroot()}))),
        ledger(*session, "d"),
        statsd(loop, ""),
        instruments(metrics, statsd, "d"),
        leaders(loop.get_executor()) {
    distributor::DistributionSettings settings{
        "d", std::move(schedule), distributor::Overlap::Allow, misfire, {}, {}};
    settings.job.action = "d";
    settings.for_each = std::move(rows);
    if (settings.for_each) settings.job.target = "${id}";
    subject = std::make_unique<distributor::ConfiguredDistribution>(std::move(settings), api,
                                                                    instruments);
    leader = std::make_unique<distributor::DistributionLeader>(*session, *subject, instruments);
  }

  void begin(runtime::Event& over) {
    leaders.spawn(leader->lead([this] { return leading; }, over));
  }
  awaitable<void> end(runtime::Event& over) {
    over.raise();
    co_await leaders.join();
  }
  // Waits for a ledger that says so.
  awaitable<bool> ledger_says(std::function<bool(const distributor::LedgerEntry&)> wanted) {
    const auto deadline = runtime::Clock::now() + std::chrono::seconds(30);
    runtime::Event never;
    while (runtime::Clock::now() < deadline) {
      const auto kept = co_await ledger.read();
      if (kept.last && wanted(kept)) co_return true;
      co_await never.wait_for(std::chrono::milliseconds(10));
    }
    co_return false;
  }

  bool leading = true;  // what the leaders are told when they ask
  MemoryApi api;
  std::unique_ptr<zookeeper::Session> session;
  distributor::TickLedger ledger;
  telemetry::Metrics metrics;
  telemetry::Statsd statsd;
  distributor::DistributionMetrics instruments;
  std::unique_ptr<distributor::ConfiguredDistribution> subject;
  std::unique_ptr<distributor::DistributionLeader> leader;
  runtime::TaskGroup leaders;
};

}  // namespace jobengine::tests
