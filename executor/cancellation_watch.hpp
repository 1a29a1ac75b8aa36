// Notices that running jobs were cancelled (or brought to their end by somebody else): one search
// every few seconds for all of them together.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "common/cimi/client.hpp"
#include "common/runtime/event.hpp"
#include "executor/stop_order.hpp"

namespace jobengine::executor {

// Lives on the loop. `client` must outlive it.
class CancellationWatch {
 public:
  explicit CancellationWatch(cimi::Client& client,
                             runtime::Duration interval = std::chrono::seconds(3))
      : client_(client), interval_(interval) {}

  // Watches a job for as long as it lives.
  class Watched {
   public:
    Watched(CancellationWatch& watch, std::string job_id, StopOrder& order);
    ~Watched();
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

   private:
    friend class CancellationWatch;
    CancellationWatch& watch_;
    std::string job_id_;
    StopOrder& order_;
  };

  // Returns when `stop` is raised.
  awaitable<void> run(runtime::Event& stop);

 private:
  awaitable<void> look(std::vector<std::string> ids);
  void accept(const nlohmann::json& resource);

  cimi::Client& client_;
  runtime::Duration interval_;
  // By the id of their job; a job with two entries may have two.
  std::unordered_multimap<std::string, Watched*> watched_;
};

}  // namespace jobengine::executor
