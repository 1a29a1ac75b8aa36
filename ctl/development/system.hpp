// The whole engine on one machine, as child processes that end with us: ZooKeeper, job-api,
// distributors, executors. Relies on the programs lying in one folder, as after a build or install.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/runtime/child_process.hpp"
#include "common/runtime/task_group.hpp"
#include "ctl/development/system_directory.hpp"
#include "ctl/development/zookeeper_process.hpp"

namespace jobengine::development {

struct SystemOptions {
  std::string programs;              // the folder of job-api, job-distributor and job-executor
  std::uint16_t api_port = 0;        // 0: a free one
  std::uint16_t zookeeper_port = 0;  // 0: a free one
  int distributors = 1;
  int executors = 1;
  int slots = 0;                       // 0: the executor's default
  std::vector<std::string> actions;    // folders of plugins besides the engine's own
  std::vector<std::string> resources;  // declarations of resource types, for job-api
  std::chrono::milliseconds drain_timeout{10000};
};

struct ProcessFacts {
  std::string name;  // "job-executor-1"
  pid_t pid = 0;
  std::uint16_t telemetry_port = 0;  // 0: none (ZooKeeper)
  std::string log;
};

// Lives on the loop; `directory` must outlive it. start(), then wait for died() or something else,
// then stop(), always.
class System {
 public:
  System(asio::io_context& loop, const SystemDirectory& directory, SystemOptions options);
  ~System();
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  // Returns when every process is ready, or early when `stop` was raised. Throws Failure, with the
  // end of the log, when one is not ready within a minute or ends.
  awaitable<void> start(runtime::Event& stop);

  // In the order in which nothing loses what it needs: executors, distributors, job-api, ZooKeeper.
  // When `at_once` is raised nobody is waited for any longer. Returns what did not end well, one
  // line each.
  awaitable<std::vector<std::string>> stop(runtime::Event& at_once);

  // Raised when a process ended by itself; obituary() then says which, how, and the end of its log.
  runtime::Event& died() { return died_; }
  const std::string& obituary() const { return obituary_; }

  std::vector<ProcessFacts> processes();
  std::string api_url() const;
  std::string zookeeper_hosts() const;
  // "NAME=value" strings for programs that shall use this system: our own environment, all JOB_
  // variables replaced.
  std::vector<std::string> environment() const;

  static constexpr const char* administrator = "admin";

 private:
  struct Member;
  struct Plan;

  Plan api_plan() const;
  Plan distributor_plan(int number) const;
  Plan executor_plan(int number) const;
  awaitable<void> start_member(Plan plan, runtime::Event& stop);
  runtime::ChildProcess spawn(const Plan& plan, std::uint16_t telemetry_port) const;
  awaitable<bool> ready(runtime::ChildProcess& process, std::uint16_t telemetry_port,
                        runtime::TimePoint deadline, runtime::Event& stop) const;
  awaitable<void> watch(std::string name, runtime::ChildProcess& process);
  awaitable<void> end(std::string name, runtime::ChildProcess& process, runtime::Duration grace,
                      runtime::Event& at_once);

  asio::io_context& loop_;
  const SystemDirectory& directory_;
  SystemOptions options_;
  std::optional<ZooKeeperProcess> zookeeper_;
  std::deque<Member> members_;  // in the order of their start; elements do not move
  runtime::TaskGroup watchers_;
  runtime::Event died_;
  std::string obituary_;
  bool stopping_ = false;
  std::vector<std::string> bad_ends_;
};

}  // namespace jobengine::development
