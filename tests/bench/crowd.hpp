// Many queues, each with a session of its own as executors have, at a rate that does not grow with
// their number: what the protocol costs, without the executors' work.
#pragma once

#include <string>

#include "common/runtime/asio.hpp"

namespace jobengine::bench {

struct CrowdWork {
  std::string hosts;
  int queues = 1;
  int takers = 1;     // of each queue
  double rate = 100;  // puts a second; each is a request of its own
  int jobs = 500;
  // So many entries wait all the time. Each taker then holds what it took for as long as makes all
  // of them together consume at that rate.
  int waiting = 0;
};
// Prints {"at": "ready"} when all wait for entries, and {"at": "done", "jobs", "seconds",
// "counters"} (sums of the takers' counters) when all entries are consumed, or with entries waiting
// as many as should be; waits for a byte, or the end, of stdin after each.
awaitable<void> work_in_crowd(asio::io_context& loop, CrowdWork plan);

}  // namespace jobengine::bench
