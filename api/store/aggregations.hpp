// Aggregations of a search (spec 4.6), in the shapes Elasticsearch gives them. All are exact.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "api/store/resource_reader.hpp"

namespace jobengine::api::store {

// Over everything that is selected; by Aggregation::key, an object. Throws FilterError when an
// attribute that holds texts is to be calculated with.
nlohmann::json aggregated(Connection& connection, const Selection& selection,
                          const std::string& collection,
                          const std::vector<Aggregation>& aggregations);

}  // namespace jobengine::api::store
