// A store as it looks after a long time of work: many jobs, nearly all of them final.
#pragma once

#include "api/store/store.hpp"

namespace jobengine::tests {

// Job number `number` of a made-up history: one in a thousand runs, one in a hundred waits, the
// rest is over; 40 actions, 20000 targets, 200 owners; one in ten is a child, 500 to a parent.
nlohmann::json past_job(int number);
std::string past_job_id(int number);

void fill(api::store::Store& store, int jobs);

}  // namespace jobengine::tests
