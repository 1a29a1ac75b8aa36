// filter, first, last, orderby, select, aggregation, timeout of a query (spec 3.4, 4.5, 4.6). Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/filter/filter.hpp"
#include "api/http/form.hpp"
#include "api/store/store.hpp"

namespace jobengine::api::cimi {

inline constexpr std::int64_t most_rows = 10000;
inline constexpr std::size_t most_orderings = 32;
inline constexpr std::size_t most_aggregations = 32;

struct SearchParameters {
  std::optional<filter::Node> filter;
  std::vector<store::Ordering> order;
  std::int64_t offset = 0;
  std::int64_t limit = most_rows;
  std::optional<std::vector<std::string>> select;
  std::vector<store::Aggregation> aggregations;  // each key once
  std::optional<std::chrono::milliseconds> timeout;
};

// Throws FilterError for a bad filter, CimiError 400 for rows beyond `most_rows`, for an
// aggregation that is none, and for what is not supported.
SearchParameters read_search(const http::Parameters& parameters);

}  // namespace jobengine::api::cimi
