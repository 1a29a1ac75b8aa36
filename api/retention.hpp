// Removes jobs that have ended long ago.
#pragma once

#include <chrono>

#include "api/store/store.hpp"
#include "common/runtime/event.hpp"
#include "common/runtime/task_group.hpp"
#include "common/telemetry/metrics.hpp"

namespace jobengine::api {

// Lives on the loop. Jobs in a final state whose `updated` is older than `age` go, a few at a time
// with a rest between, so that requests hardly notice; observers of the store are told of each.
// What a stop or a failure leaves over is removed later.
class Retention {
 public:
  // `age` 0: nothing is ever removed.
  Retention(store::Store& store, telemetry::Metrics& metrics, std::chrono::milliseconds age);

  // Goes on until `stopping` is raised; all must outlive the tasks.
  void start(runtime::TaskGroup& tasks, runtime::Event& stopping);

 private:
  awaitable<void> run(runtime::Event* stopping);
  awaitable<void> remove_old(runtime::Event* stopping);

  store::Store& store_;
  telemetry::Counter& removed_total_;
  const std::chrono::milliseconds age_;
};

}  // namespace jobengine::api
