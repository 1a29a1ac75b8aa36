#include "api/cimi/bulk.hpp"

#include <algorithm>
#include <chrono>

#include "api/cimi/cimi_error.hpp"

namespace jobengine::api::cimi {

using nlohmann::json;

filter::Node bulk_filter(const Call& call, const std::vector<std::string>& filters) {
  if (!call.bulk) throw bad_request("Bulk request should contain bulk http header.");
  const bool blank = std::all_of(filters.begin(), filters.end(), [](const std::string& one) {
    return one.find_first_not_of(" \t") == std::string::npos;
  });
  if (blank) throw bad_request("Bulk request should contain a non empty cimi filter.");
  return filter::parse_all(filters);
}

json bulk_summary(const BulkOutcome& outcome, const std::string& changed) {
  const auto took = runtime::Clock::now() - outcome.begun;
  json body;
  body["took"] = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  body["timed_out"] = false;
  body["total"] = outcome.total;
  body[changed] = outcome.changed;
  body["batches"] = 1;
  body["noops"] = outcome.total - outcome.changed;
  for (const char* name : {"version_conflicts", "throttled_millis", "throttled_until_millis"}) {
    body[name] = 0;
  }
  body["retries"]["bulk"] = 0;
  body["retries"]["search"] = 0;
  body["requests_per_second"] = -1.0;
  body["failures"] = json::array();
  return body;
}

}  // namespace jobengine::api::cimi
