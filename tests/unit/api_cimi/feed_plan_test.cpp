#include "api/feed/feed_plan.hpp"

#include <catch2/catch.hpp>

namespace jobengine::api::feed {
namespace {

std::vector<store::AwaitingEntry> waiting(const std::vector<int>& priorities) {
  std::vector<store::AwaitingEntry> jobs;
  for (const int priority : priorities) jobs.push_back({"job/x", priority});
  return jobs;
}

QueueLook look(std::size_t depth, std::optional<int> least_urgent = {}) {
  return {depth, least_urgent};
}

TEST_CASE("feed: jobs are pushed as long as there is room", "[api]") {
  CHECK(pushable(waiting({1, 2, 3}), look(0), 10) == 3);
  CHECK(pushable(waiting({1, 2, 3}), look(8), 10) == 2);
  CHECK(pushable(waiting({1, 2, 3}), look(10), 10) == 0);
  CHECK(pushable(waiting({1, 2, 3}), look(25), 10) == 0);
  CHECK(pushable({}, look(0), 10) == 0);
}

TEST_CASE("feed: a full queue still takes what is more urgent than its least urgent entry",
          "[api]") {
  CHECK(pushable(waiting({10, 999}), look(10, 999), 10) == 1);
  CHECK(pushable(waiting({999, 999}), look(10, 999), 10) == 0);
  CHECK(pushable(waiting({10, 20}), look(10, 15), 10) == 1);
}

TEST_CASE("feed: urgency goes up to twice the capacity only", "[api]") {
  CHECK(pushable(waiting({1, 1, 1, 1}), look(18, 999), 10) == 2);
  CHECK(pushable(waiting({1, 1, 1, 1}), look(20, 999), 10) == 0);
}

}  // namespace
}  // namespace jobengine::api::feed
