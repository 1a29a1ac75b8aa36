// /healthz, /readyz and /metrics of a process, on its loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/runtime/asio.hpp"
#include "common/telemetry/metrics.hpp"

namespace jobengine::telemetry {

// What /readyz says: empty when ready (200 "ready"), else the reason (503).
using ReadyCheck = std::function<std::string()>;

struct StatusServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;  // 0: a free one
};

// Lives on the loop. /healthz answers 200 as long as the loop turns.
class StatusServer {
 public:
  // Throws Failure naming address, port and reason when it cannot listen.
  StatusServer(asio::io_context& loop, const StatusServerOptions& options, Metrics& metrics,
               ReadyCheck ready);
  ~StatusServer();
  std::uint16_t port() const;
  // One more page: GET `path` ("/actions") answers the JSON text that `content` returns then.
  void add_page(const std::string& path, std::function<std::string()> content);
  // Closes everything; to be awaited before destruction.
  awaitable<void> stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace jobengine::telemetry
