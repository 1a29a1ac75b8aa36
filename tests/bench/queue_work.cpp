#include "tests/bench/queue_work.hpp"

#include <algorithm>

#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "common/zookeeper/lasting_session.hpp"

namespace jobengine::bench {

namespace {

using nlohmann::json;

constexpr std::size_t put_at_once = 100;

struct Working {
  Working(asio::io_context& loop, const QueueWork& plan)
      : session(zookeeper::make_session(loop, zookeeper::parse_hosts({plan.hosts}))),
        entries(std::make_unique<queue::LockingQueue>(*session)),
        ahead(std::max<std::size_t>(400, 8 * static_cast<std::size_t>(plan.takers))) {}

  bool all_consumed() const { return consumed + lost >= put; }

  std::unique_ptr<zookeeper::Session> session;
  std::unique_ptr<queue::LockingQueue> entries;
  std::size_t ahead;     // entries kept in the queue, put but not consumed
  runtime::Event ended;  // nothing more is put
  runtime::Event stop;   // nothing more is taken
  runtime::Event room;   // for more entries
  std::size_t put = 0;
  std::size_t consumed = 0;
  std::size_t lost = 0;
};

std::string job_id(std::size_t number) {
  char text[48];
  std::snprintf(text, sizeof text, "job/01920000-0000-7000-8000-%012zx", number);
  return text;
}

awaitable<void> keep_putting(Working& work) {
  while (!work.ended.raised()) {
    if (work.put - work.consumed >= work.ahead) {
      work.room.reset();
      co_await runtime::Event::wait_either(work.room, work.ended, runtime::TimePoint::max());
      continue;
    }
    std::vector<queue::PutRequest> requests;
    for (std::size_t i = 0; i < put_at_once; ++i) requests.push_back({job_id(work.put++)});
    auto put = work.entries->put_all(std::move(requests));
    co_await std::move(put);
  }
}

awaitable<void> keep_taking(Working& work) {
  while (true) {
    auto taken = co_await work.entries->take(work.stop);
    if (!taken) co_return;
    auto consuming = work.entries->consume(std::move(*taken));
    const auto outcome = co_await std::move(consuming);
    if (outcome == queue::FinishOutcome::Done) {
      ++work.consumed;
    } else {
      ++work.lost;
    }
    if (work.put - work.consumed < work.ahead) work.room.raise();
    if (work.ended.raised() && work.all_consumed()) work.stop.raise();
  }
}

}  // namespace

json counters_of(const queue::LockingQueue& entries) {
  const auto& counted = entries.counters();
  return {{"multis", counted.multis},     {"multi_operations", counted.multi_operations},
          {"takes", counted.takes},       {"lost_races", counted.lost_races},
          {"consumes", counted.consumes}, {"puts", counted.puts},
          {"listings", counted.listings}, {"listed_names", counted.listed_names},
          {"looks", counted.looks},       {"wake_ups", counted.wake_ups}};
}

awaitable<json> work_on_queue(asio::io_context& loop, QueueWork plan) {
  Working work(loop, plan);
  runtime::TaskGroup tasks(loop.get_executor());
  // Answers take the longer the more is under way: the puts must keep up with the takes.
  const int putters = std::max(2, 2 * plan.takers / static_cast<int>(put_at_once));
  for (int i = 0; i < putters; ++i) tasks.spawn(keep_putting(work));
  for (int i = 0; i < plan.takers; ++i) tasks.spawn(keep_taking(work));
  co_await work.stop.wait_for(std::chrono::seconds(1));

  const auto begun = runtime::Clock::now();
  const std::size_t before = work.consumed;
  const json counted_before = counters_of(*work.entries);
  co_await work.stop.wait_for(std::chrono::milliseconds(static_cast<int>(plan.seconds * 1000)));
  const std::chrono::duration<double> took = runtime::Clock::now() - begun;
  const std::size_t jobs = work.consumed - before;
  json counted = counters_of(*work.entries);
  for (auto& [name, value] : counted.items()) {
    value = value.get<std::uint64_t>() - counted_before.at(name).get<std::uint64_t>();
  }

  // Nothing is left for the next measurement.
  work.ended.raise();
  co_await work.stop.wait_for(std::chrono::seconds(30));
  work.stop.raise();
  co_await tasks.join();
  work.entries.reset();
  co_await work.session->close();
  co_return json{{"jobs", jobs},
                 {"seconds", took.count()},
                 {"per_second", static_cast<double>(jobs) / took.count()},
                 {"takers", plan.takers},
                 {"not_ours", work.lost},
                 {"counters", counted}};
}

}  // namespace jobengine::bench
