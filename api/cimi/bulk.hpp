// What bulk requests share (spec 3.7): the header, the filter, the database's kind of summary.
// Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/cimi/call.hpp"
#include "api/filter/filter.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::api::cimi {

// Throws CimiError 400 without the header or a filter, and FilterError.
filter::Node bulk_filter(const Call& call, const std::vector<std::string>& filters);

struct BulkOutcome {
  runtime::TimePoint begun;
  std::int64_t total = 0;    // found and seen by the caller
  std::int64_t changed = 0;  // of these; the others were not the caller's to change, or as wanted
};
// `changed` is how many "deleted" or "updated".
nlohmann::json bulk_summary(const BulkOutcome& outcome, const std::string& changed);

}  // namespace jobengine::api::cimi
