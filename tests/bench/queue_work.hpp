// Throughput of one LockingQueue: put, take, consume in one process.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "common/queue/locking_queue.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::bench {

// As JSON, for figures.
nlohmann::json counters_of(const queue::LockingQueue& entries);

struct QueueWork {
  std::string hosts;
  int takers = 256;  // takes and consumes under way at a time
  double seconds = 3;
};
// {"jobs", "seconds", "per_second", "counters"} of the time after the first second. The queue is
// kept some entries ahead meanwhile, and is empty in the end.
awaitable<nlohmann::json> work_on_queue(asio::io_context& loop, QueueWork plan);

}  // namespace jobengine::bench
