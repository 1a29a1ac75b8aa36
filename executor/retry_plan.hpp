// Whether a run that did not succeed is run again, and when. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "executor/plugins/manifest.hpp"

namespace jobengine::executor {

// What is known when a run has ended.
struct RetrySituation {
  bool possible = false;  // there is a queue that the job can go back to
  std::int32_t done = 0;  // retries so far, over all attempts
  RetryPolicy policy;
  double chance = 0.0;  // in [0, 1): where in its band the delay lies
};

// The delay before the retry after `done` others: doubles from the policy's first to its longest,
// of which `chance` picks a part in the upper half, so that jobs that failed together do not come
// back together. Never shorter than `floor`, which the action itself has asked for.
std::chrono::milliseconds retry_delay(const RetrySituation& situation,
                                      std::chrono::milliseconds floor);

// "350 ms", "8 s": whole seconds from one second on.
std::string delay_text(std::chrono::milliseconds delay);

}  // namespace jobengine::executor
