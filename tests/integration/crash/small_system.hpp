// The system around one story: a queue of its own, and the administrator's view of queue and API.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/cimi/client.hpp"
#include "common/queue/locking_queue.hpp"
#include "common/zookeeper/session.hpp"
#include "tests/integration/crash/doomed_program.hpp"
#include "tests/integration/crash/oracle.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests {

// Its own job-api must believe the header that says who somebody is.
inline constexpr const char* trusting = "--trust-authn-header";

// Lives on the loop. What it waits for in vain it throws as a Failure, with what was there instead.
class SmallSystem {
 public:
  // The API may be that of several systems.
  SmallSystem(asio::io_context& loop, std::string api_url);
  // With a job-api of its own, started by start_api().
  explicit SmallSystem(asio::io_context& loop);

  // ---- programs of this system
  std::unique_ptr<DoomedProgram> executor(const std::string& doom = "");
  // The same, each time with the state directory of the one before.
  std::unique_ptr<DoomedProgram> lasting_executor(const std::string& doom = "");
  std::unique_ptr<DoomedProgram> distributor(const std::string& distributions,
                                             const std::string& doom = "");
  // Each time on the same port with the same database; returns once it answers.
  awaitable<void> start_api(std::vector<std::string> further, std::string doom);
  DoomedProgram& api() { return *api_; }

  // ---- jobs of action crash_test
  // With the oracle of this system; `payload` is what it should do.
  nlohmann::json job_document(nlohmann::json payload) const;
  // Stores one without its entry, which is nobody's to make then.
  awaitable<std::string> store_without_entry(nlohmann::json document);
  // The same, and puts the entry.
  awaitable<std::string> submit(nlohmann::json payload);
  awaitable<nlohmann::json> job(std::string id);
  awaitable<nlohmann::json> wait_until_final(std::string id);
  // No entries, no locks, no attempt records.
  awaitable<void> wait_until_queue_is_empty();
  // How many entries were ever made.
  awaitable<std::size_t> entries_made();
  std::vector<ActionRun> runs() const { return read_oracle(oracle_); }
  // What jobs may wait for, and the end of their waiting.
  std::string gate() const { return oracle_ + ".gate"; }
  void open_gate() const;

  // To be awaited last.
  awaitable<void> close();

  asio::io_context& loop;
  const std::string zk_hosts;
  std::unique_ptr<cimi::Client> client;
  std::unique_ptr<zookeeper::Session> session;
  queue::LockingQueue queue;

 private:
  void connect_client();
  std::vector<std::string> executor_options() const;

  TemporaryDirectory directory_;
  std::string api_url_;
  std::string oracle_;
  std::unique_ptr<DoomedProgram> api_;
};

// SIGTERM, as soon as the program is far enough to heed it, and its exit code.
awaitable<int> stop_executor(DoomedProgram& executor);

// Waits until `condition` holds; throws Failure with what it was that did not come.
awaitable<void> wait_for(std::function<bool()> condition, std::string what);

}  // namespace jobengine::tests
