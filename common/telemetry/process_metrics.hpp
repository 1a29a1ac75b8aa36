// What /proc tells of this process, as metrics. Linux.
#pragma once

#include <vector>

namespace jobengine::telemetry {

struct ProcessMetric {
  const char* name;
  const char* help;
  bool counter;
  double value;
};

// What cannot be read is left out. [any thread]
std::vector<ProcessMetric> process_metrics();

}  // namespace jobengine::telemetry
