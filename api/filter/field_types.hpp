// Which attributes hold dates; everything else is compared by what the document holds there: text
// with text, numbers with numbers. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace jobengine::api::filter {

// "target-resource/href" of {"target-resource", "href"}.
std::string joined_path(const std::vector<std::string>& path);

struct FieldTypes {
  // Joined paths. Date arithmetic works only on these (spec 4.3).
  std::set<std::string> dates = {
      "created",        "updated",        "started",      "expiry",         "time-of-status-change",
      "timestamp",      "next-refresh",   "last-refresh", "next-heartbeat", "last-heartbeat",
      "next-telemetry", "last-telemetry",
  };
};

}  // namespace jobengine::api::filter
