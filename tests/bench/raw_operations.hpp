// What the queue asks of ZooKeeper for a job, without the queue: the ceiling of its throughput.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "common/runtime/asio.hpp"

namespace jobengine::bench {

struct RawWork {
  std::string hosts;
  int batch = 1;      // jobs that share a multi when they are taken and consumed
  int put_batch = 1;  // … when they are put
  int lanes = 16;
  double seconds = 3;
};
// Some put: multi[create entry …]. Each lane, over and over, with the next `batch` of these: get
// entry …, pipelined; multi[set entry, create lock …]; multi[delete entry, delete lock …]. {"jobs",
// "seconds", "per_second"} after the first half second.
awaitable<nlohmann::json> work_raw(asio::io_context& loop, RawWork plan);

}  // namespace jobengine::bench
