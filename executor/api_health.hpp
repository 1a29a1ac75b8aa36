// Whether the API answers, and when to take jobs again after it did not.
#pragma once

#include <functional>
#include <string>

#include "common/cimi/client.hpp"
#include "common/runtime/backoff.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::executor {

// Lives on the loop. A client that notes how its requests fare; `client` must outlive it.
class WatchedClient final : public cimi::Client {
 public:
  explicit WatchedClient(cimi::Client& client) : client_(client) {}
  awaitable<cimi::Reply> request(cimi::Request request) override;

  bool reachable() const { return reachable_; }
  // Called when reachable() has changed.
  std::function<void()> on_change;
  // Raised with it; to be reset by who waits.
  runtime::Event& changed() { return changed_; }
  runtime::TimePoint last_answer() const { return last_answer_; }

 private:
  cimi::Client& client_;
  runtime::Event changed_;
  bool reachable_ = false;
  runtime::TimePoint last_answer_{};
};

// The pace of taking while jobs cannot be read or recorded. Shared by all slots.
class TakingPause {
 public:
  // The API was of no use to a run.
  void trouble();
  // A run read its job.
  void all_well();
  // Waits for the end of the pause; at once when there is none, or when `stop` is raised.
  awaitable<void> over(runtime::Event& stop);

 private:
  runtime::Backoff pace_{{std::chrono::milliseconds(500), std::chrono::seconds(30), 2.0, 0.4}};
  runtime::TimePoint until_{};
};

// Asks the API for its entry point when nothing else has been answered for a while, until `stop`.
// At once when it seems away: it may have failed one request only.
awaitable<void> watch_api(WatchedClient& client, runtime::Event& stop);

}  // namespace jobengine::executor
