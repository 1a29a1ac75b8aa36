// Searches of the resource API within a pass: repeated while the API is away, complete however
// many rows there are.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/cimi/client.hpp"
#include "common/repair/queue_look.hpp"
#include "distributor/distribution.hpp"

namespace jobengine::distributor {

using Rows = repair::JobRows;
using repair::page_size;

// One search; repeated with back-off while the API is away or does not let us in. Nothing when the
// pass ended before an answer came. Throws Failure when the API does not accept the search. `pass`
// and `client` outlive the call.
awaitable<std::optional<Rows>> find_page(cimi::Client& client, std::string collection,
                                         cimi::Search search, const Pass& pass);

// All resources that match, each once, page by page in the order of creation. `select` is extended
// by what that needs. Otherwise as find_page().
awaitable<std::optional<Rows>> find_all(cimi::Client& client, std::string collection,
                                        std::string filter, std::vector<std::string> select,
                                        const Pass& pass);

// Waits for the next try; false when the pass ends first.
awaitable<bool> wait_for_retry(runtime::Duration time, const Pass& pass);

}  // namespace jobengine::distributor
