// What a JobRun needs around it, with a resource API in memory, real action hosts, and a lease the
// test can take away.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "executor/job_run.hpp"
#include "tests/integration/executor/memory_api.hpp"

namespace jobengine::tests {

class MemoryHold final : public executor::Hold {
 public:
  bool holds() const override { return held; }
  executor::LeaseStamp lease() const override { return lease_end; }
  runtime::Duration margin() const override { return std::chrono::milliseconds(200); }
  awaitable<bool> taken_elsewhere(queue::Rivals which) const override {
    co_return which == queue::Rivals::All ? rival : earlier_rival;
  }
  bool rival = false;
  bool earlier_rival = false;
  bool held = true;
  executor::LeaseStamp lease_end = 0;  // none
};

// What would be in ZooKeeper.
class MemoryAttempts final : public executor::AttemptKeeper {
 public:
  queue::AttemptRecord record() const override { return kept; }
  awaitable<std::string> keep(queue::AttemptRecord record) override;
  queue::AttemptRecord kept;
  std::string refusal;  // empty: what is to be kept is kept
  int writes = 0;
};

// How to start action hosts in the build tree.
executor::HostCommand host_command();
std::string good_plugins();
std::string bad_plugins();

class Bench {
 public:
  // `shared_actions` may run in threads of this process.
  explicit Bench(asio::io_context& loop, executor::SharedActions shared_actions = {});
  // Reads the good plugins; to be awaited first.
  awaitable<void> prepare();
  awaitable<executor::Outcome> run(std::string job_id, std::int32_t attempt = 1);
  // To be awaited last.
  awaitable<void> close();

  asio::io_context& loop;
  MemoryApi api;
  MemoryHold hold;
  MemoryAttempts attempts;
  bool pull_mode = false;  // runs keep no attempts
  executor::Catalog catalog;
  executor::HostPool hosts;
  executor::CancellationWatch cancellations;
  runtime::TaskGroup background;
  executor::RunLimits limits;
  executor::LogOptions log_options;  // to be changed before the first run
  telemetry::Metrics metrics;
  executor::JobRun* current = nullptr;  // during run()

 private:
  std::optional<executor::LogShipping> logs_;
  runtime::Event closing_;
};

}  // namespace jobengine::tests
