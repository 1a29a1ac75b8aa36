// Creates the jobs of one tick, each once: what may have been created is looked up by name before
// anything is repeated.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/cimi/client.hpp"
#include "distributor/distribution.hpp"

namespace jobengine::distributor {

struct PostingResult {
  PassOutcome outcome = PassOutcome::Done;
  std::size_t created = 0;
  std::size_t refused = 0;  // by the API for good; each is logged
};

// `jobs`: documents with a `name` each, all names begin with `mark` and differ. Repeats with
// back-off what could not be delivered, until the pass is over. `client` and `pass` outlive the
// call.
awaitable<PostingResult> post_jobs(cimi::Client& client, std::vector<nlohmann::json> jobs,
                                   std::string mark, const Pass& pass);

}  // namespace jobengine::distributor
