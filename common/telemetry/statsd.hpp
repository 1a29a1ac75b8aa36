// StatsD gauges over UDP, as the Python distributor publishes them (spec 5.6).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/runtime/asio.hpp"

namespace jobengine::telemetry {

// Lives on the loop. Never blocks, never fails: a lost gauge is a lost gauge.
class Statsd {
 public:
  // "host[:port]", port 8125 by default; empty: publishes nothing. Throws Failure for another form.
  Statsd(asio::io_context& loop, const std::string& host_and_port);
  ~Statsd();
  // Sends "<name>:<value>|g".
  void gauge(std::string_view name, std::int64_t value);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the resolver's handler
};

}  // namespace jobengine::telemetry
