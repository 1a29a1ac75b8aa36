// A whole system of real processes in a temporary folder, for measuring.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/cimi/client.hpp"
#include "common/runtime/child_process.hpp"
#include "ctl/development/zookeeper_process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::bench {

// Lives on the loop.
class EngineUnderLoad {
 public:
  explicit EngineUnderLoad(asio::io_context& loop, std::string programs);
  ~EngineUnderLoad();

  awaitable<void> start();  // ZooKeeper and job-api
  // `in_threads`: the jobs' action runs in threads of the executor, else in processes.
  void start_executor(int slots, bool in_threads = false);
  awaitable<void> stop_executor();
  void start_distributor();
  cimi::Client& client() { return *client_; }

  // Submits `count` jobs of dummy_test_action with duration 0 on target `bench/<run>`, 32 at a
  // time.
  awaitable<void> submit(int count, std::string run);
  // Waits until `count` jobs of the run are SUCCESS.
  awaitable<void> all_done(int count, std::string run);
  // The whole documents of a run, at most 10000.
  awaitable<std::vector<nlohmann::json>> jobs(std::string run);

  struct Memory {
    std::string program;
    long resident_kb = 0;
  };
  // Of every process that runs now; action hosts included.
  std::vector<Memory> memory() const;

 private:
  runtime::ChildProcess spawn(std::vector<std::string> argv, const std::string& log_name);
  awaitable<void> submit_some(int count, std::string run);

  asio::io_context& loop_;
  std::string programs_;
  tests::TemporaryDirectory directory_;
  std::string url_;
  std::optional<development::ZooKeeperProcess> zookeeper_;
  std::optional<runtime::ChildProcess> api_;
  std::optional<runtime::ChildProcess> executor_;
  std::optional<runtime::ChildProcess> distributor_;
  std::unique_ptr<cimi::Client> client_;
};

}  // namespace jobengine::bench
