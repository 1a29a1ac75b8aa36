#include "api/retention.hpp"

#include <algorithm>

#include "api/cimi/timestamp.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api {
namespace {

// A batch holds up the writes that are asked for meanwhile, so it is small; the rest is theirs.
constexpr std::size_t at_once = 25;
constexpr auto rest = std::chrono::milliseconds(20);

// A job goes at most this much later than its age demands.
std::chrono::milliseconds pause_between(std::chrono::milliseconds age) {
  constexpr std::chrono::milliseconds least = std::chrono::seconds(1);
  constexpr std::chrono::milliseconds most = std::chrono::minutes(10);
  return std::clamp(age / 10, least, most);
}

store::SearchRequest ended_before(cimi::WallTime time) {
  store::SearchRequest request;
  request.collection = "job";
  request.filter = filter::parse("state=['SUCCESS','FAILED','CANCELED'] and updated<'" +
                                 cimi::timestamp(time) + "'");
  request.visibility.everything = true;
  return request;
}

}  // namespace

Retention::Retention(store::Store& store, telemetry::Metrics& metrics,
                     std::chrono::milliseconds age)
    : store_(store),
      removed_total_(metrics.counter("jobengine_api_jobs_removed_total",
                                     "Jobs removed because they ended longer ago than "
                                     "--job-retention")),
      age_(age) {}

void Retention::start(runtime::TaskGroup& tasks, runtime::Event& stopping) {
  if (age_.count() != 0) tasks.spawn(run(&stopping));
}

awaitable<void> Retention::run(runtime::Event* stopping) {
  while (!stopping->raised()) {
    std::string trouble;
    try {
      co_await remove_old(stopping);
    } catch (const std::exception& failure) {
      trouble = failure.what();
    }
    if (!trouble.empty()) telemetry::warning("old jobs stay for now", {{"error", trouble}});
    co_await runtime::pause(pause_between(age_), *stopping);
  }
}

awaitable<void> Retention::remove_old(runtime::Event* stopping) {
  const auto begin = runtime::Clock::now();
  std::int64_t removed = 0;
  store::Pace pace;
  pace.at_once = at_once;
  pace.rest = rest;
  pace.ended = stopping;
  pace.removed = [this, &removed](std::int64_t jobs) {
    removed += jobs;
    removed_total_.add(static_cast<double>(jobs));
  };
  auto old = ended_before(cimi::wall_now() - age_);
  co_await store_.remove_paced(std::move(old), pace);
  if (removed == 0) co_return;
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(runtime::Clock::now() - begin);
  telemetry::info("removed old jobs", {{"jobs", removed}, {"ms", took.count()}});
  co_await store_.tidy(pace);
}

}  // namespace jobengine::api
