// Creates the jobs of one tick, each once. Every job has an id of its own choice; an API that keeps
// to it (job-api) refuses the second of an id whenever that comes, even when it was sent by a
// leader that is dead by now. Of an API that gives ids itself (Nuvla) it is asked by name what may
// have been created, before anything is repeated.
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
  std::size_t existed = 0;  // made by somebody before this pass
  std::size_t refused = 0;  // by the API for good; each is logged
};

// `jobs`: documents with `name` and `id` each, all names begin with `mark` and all differ. Repeats
// with back-off what could not be delivered, until the pass is over. `client` and `pass` outlive
// the call.
awaitable<PostingResult> post_jobs(cimi::Client& client, std::vector<nlohmann::json> jobs,
                                   std::string mark, const Pass& pass);

}  // namespace jobengine::distributor
