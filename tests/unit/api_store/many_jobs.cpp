#include "tests/unit/api_store/many_jobs.hpp"

#include "api/filter/dates.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {
namespace {

using namespace api::store;
using nlohmann::json;

constexpr std::int64_t first_created = 1'700'000'000'000;

std::string time_of(int number, int later) {
  return api::filter::timestamp_text(first_created + std::int64_t{number} * 100 + later);
}

std::string state_of(int number) {
  if (number % 1000 == 7) return "RUNNING";
  if (number % 100 == 3) return "QUEUED";
  if (number % 20 == 1) return "FAILED";
  if (number % 50 == 2) return "CANCELED";
  return "SUCCESS";
}

}  // namespace

std::string past_job_id(int number) {
  // Ordered by time, as the ids job-api makes are.
  char id[64];
  std::snprintf(id, sizeof id, "job/%08x-0000-7000-8000-%012x", static_cast<unsigned>(number),
                static_cast<unsigned>(number) * 2654435761U);
  return id;
}

json past_job(int number) {
  const auto owner = "user/" + std::to_string(number % 200);
  json job = {{"id", past_job_id(number)},
              {"resource-type", "job"},
              {"state", state_of(number)},
              {"action", "action_" + std::to_string(number % 40)},
              {"target-resource", {{"href", "deployment/" + std::to_string(number % 20'000)}}},
              {"created", time_of(number, 0)},
              {"updated", time_of(number, 5000)},
              {"progress", number % 101},
              {"return-code", 0},
              {"version", 2},
              {"execution-mode", "push"},
              {"payload", std::string(400, 'p')},
              {"status-message", std::string(150, 'm')},
              {"acl", {{"owners", {"group/nuvla-admin"}}, {"view-meta", {owner}}}}};
  if (number % 3 == 0) job["priority"] = number % 100;
  if (number % 10 == 0) job["parent-job"] = past_job_id(number - number % 5000 + 1);
  if (number % 500 == 0) job["name"] = "batch-" + std::to_string(number / 5000);
  if (number % 4 != 0) job["tags"] = {"/job/entries/entry-999-" + std::to_string(number)};
  if (number % 2000 == 7) job["tags"] = {"monitor"};
  return job;
}

void fill(Store& store, int jobs) {
  constexpr int at_once = 500;
  run_on_loop(
      [&](asio::io_context&) -> awaitable<void> {
        for (int first = 0; first < jobs; first += at_once) {
          std::vector<Change> changes;
          for (int number = first; number < std::min(jobs, first + at_once); ++number) {
            changes.push_back({past_job_id(number), [number](const StoredDocument*) {
                                 return Decision{Decision::Kind::Put, past_job(number), false};
                               }});
          }
          co_await store.change(std::move(changes));
        }
      },
      std::chrono::minutes(30));
}

}  // namespace jobengine::tests
