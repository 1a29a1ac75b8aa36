// What the test action wrote about its runs, into a file outside the engine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace jobengine::tests {

struct ActionRun {
  int attempt = 0;
  bool resumed = false;
  bool checkpoint = false;  // it was given one
  bool ended = false;       // by itself
  int process = 0;
  // CLOCK_BOOTTIME, ns. It was alive from the one to the other, at least.
  std::int64_t started = 0;
  std::int64_t last_seen = 0;
};

// In the order of their starts; none while there is no file.
std::vector<ActionRun> read_oracle(const std::string& file);

// "1, 2 resumed with checkpoint": attempts in their order. An attempt that was alive when a later
// one had started: "1 OVERLAPS".
std::string told(const std::vector<ActionRun>& runs);

}  // namespace jobengine::tests
