// job-executor as a process, and what it takes to talk to the system around it.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/cimi/client.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/runtime/child_process.hpp"
#include "common/zookeeper/session.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {

// Lives on the loop; killed at the end of its life.
class ExecutorProcess {
 public:
  ExecutorProcess(asio::io_context& loop, std::vector<std::string> arguments);
  void signal(int number) { process_.signal(number); }
  bool running() { return !process_.exited().raised(); }
  pid_t pid() const { return process_.pid(); }
  // Its exit code, 128 + signal when one killed it; kills and throws when it does not end.
  awaitable<int> end();
  std::string output() const;

 private:
  TemporaryDirectory directory_;
  runtime::ChildProcess process_;
};

// ZooKeeper and job-api for one test; made before the loop runs.
struct Servers {
  Servers();
  // Options of an executor of this system, with the good test plugins.
  std::vector<std::string> executor(const std::vector<std::string>& further = {}) const;
  // The same without queue.
  std::vector<std::string> pull(const std::string& job_id) const;

  std::string zk_hosts;
  ApiServer api;
};

// The administrator's view of a running system. Lives on the loop.
class Observer {
 public:
  Observer(asio::io_context& loop, const Servers& servers);
  // Adds a job, returns its id; throws when the API refuses it.
  awaitable<std::string> submit(std::string action, nlohmann::json attributes = nullptr);
  awaitable<nlohmann::json> job(std::string id);
  // Waits until the attribute has the value; throws with the job and when it does not come to it.
  awaitable<nlohmann::json> wait_until(std::string id, std::string attribute, nlohmann::json value);
  // Waits until the queue has so many entries, so many of them taken; false when it does not come
  // to that.
  awaitable<bool> wait_for_depth(std::size_t entries, std::size_t taken);
  awaitable<void> close();

  std::unique_ptr<cimi::Client> client;
  std::unique_ptr<zookeeper::Session> session;
  queue::LockingQueue queue;
};

}  // namespace jobengine::tests
