#include "tests/bench/crowd.hpp"

#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <iostream>

#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "tests/bench/queue_work.hpp"

namespace jobengine::bench {

namespace {

using nlohmann::json;

// A process, as far as ZooKeeper can tell.
struct Member {
  Member(asio::io_context& loop, const std::string& hosts)
      : session(zookeeper::make_session(loop, zookeeper::parse_hosts({hosts}))),
        entries(std::make_unique<queue::LockingQueue>(*session)) {}

  std::unique_ptr<zookeeper::Session> session;
  std::unique_ptr<queue::LockingQueue> entries;
};

struct Crowd {
  runtime::Event stop;     // nothing more is taken
  runtime::Event no_hold;  // what is taken is consumed at once
  runtime::Event all_consumed;
  runtime::Duration hold{};
  int consumed = 0;
  int wanted = 0;  // until all_consumed is raised
};

awaitable<void> keep_taking(Member& member, Crowd& crowd) {
  while (true) {
    auto taken = co_await member.entries->take(crowd.stop);
    if (!taken) co_return;
    if (crowd.hold > runtime::Duration::zero()) co_await crowd.no_hold.wait_for(crowd.hold);
    auto consuming = member.entries->consume(std::move(*taken));
    const auto outcome = co_await std::move(consuming);
    if (outcome != queue::FinishOutcome::Done) continue;
    if (++crowd.consumed == crowd.wanted) crowd.all_consumed.raise();
  }
}

awaitable<void> put_evenly(Member& producer, Crowd& crowd, CrowdWork plan) {
  const auto begun = runtime::Clock::now();
  for (int i = 0; i < plan.jobs; ++i) {
    const std::chrono::duration<double> due(i / plan.rate);
    const auto at = begun + std::chrono::duration_cast<runtime::Duration>(due);
    co_await crowd.stop.wait_until(at);
    const std::string job = "job/" + std::to_string(i);
    auto put = producer.entries->put(job, queue::lowest_urgency);
    co_await std::move(put);
  }
}

awaitable<void> told_to_go_on(asio::posix::stream_descriptor& input) {
  char byte = 0;
  boost::system::error_code ended;
  const auto buffer = asio::buffer(&byte, 1);
  co_await input.async_read_some(buffer, asio::redirect_error(use_awaitable, ended));
}

awaitable<void> put_together(Member& producer, int count) {
  if (count == 0) co_return;
  std::vector<queue::PutRequest> requests;
  for (int i = 0; i < count; ++i) requests.push_back({"job/waits-" + std::to_string(i)});
  auto put = producer.entries->put_all(std::move(requests));
  co_await std::move(put);
}

json sum_of(const std::vector<std::unique_ptr<Member>>& members) {
  json sum = json::object();
  for (const auto& member : members) {
    const json counted = counters_of(*member->entries);
    for (const auto& [name, value] : counted.items()) {
      sum[name] = sum.value(name, std::uint64_t{0}) + value.get<std::uint64_t>();
    }
  }
  return sum;
}

}  // namespace

awaitable<void> work_in_crowd(asio::io_context& loop, CrowdWork plan) {
  asio::posix::stream_descriptor input(loop, ::dup(STDIN_FILENO));
  Crowd crowd;
  if (plan.waiting > 0) {
    const std::chrono::duration<double> hold(plan.queues * plan.takers / plan.rate);
    crowd.hold = std::chrono::duration_cast<runtime::Duration>(hold);
  }
  Member producer(loop, plan.hosts);
  co_await zookeeper::ensure_path(*producer.session, "/job/entries");
  co_await zookeeper::ensure_path(*producer.session, "/job/taken");
  co_await put_together(producer, plan.waiting);
  std::vector<std::unique_ptr<Member>> members;
  runtime::TaskGroup takers(loop.get_executor());
  for (int i = 0; i < plan.queues; ++i) {
    members.push_back(std::make_unique<Member>(loop, plan.hosts));
    for (int k = 0; k < plan.takers; ++k) takers.spawn(keep_taking(*members.back(), crowd));
  }
  // Until each has looked, found nothing and waits, or has been through what it took first.
  co_await crowd.stop.wait_for(std::chrono::milliseconds(1000) + 2 * crowd.hold);
  const int before = crowd.consumed;
  crowd.wanted = before + plan.jobs;
  const json counted_before = sum_of(members);
  std::cout << R"({"at": "ready"})" << std::endl;
  co_await told_to_go_on(input);

  const auto begun = runtime::Clock::now();
  co_await put_evenly(producer, crowd, plan);
  const bool all = co_await crowd.all_consumed.wait_for(std::chrono::seconds(30));
  const std::chrono::duration<double> took = runtime::Clock::now() - begun;
  json counted = sum_of(members);
  for (auto& [name, value] : counted.items()) {
    value = value.get<std::uint64_t>() - counted_before.at(name).get<std::uint64_t>();
  }
  const json done = {{"at", "done"},
                     {"jobs", crowd.consumed - before},
                     {"all", all},
                     {"seconds", took.count()},
                     {"counters", counted}};
  std::cout << done.dump() << std::endl;
  co_await told_to_go_on(input);

  crowd.wanted = plan.waiting + plan.jobs;
  crowd.all_consumed.reset();
  crowd.no_hold.raise();
  if (crowd.consumed < crowd.wanted) {
    co_await crowd.all_consumed.wait_for(std::chrono::seconds(30));
  }
  crowd.stop.raise();
  co_await takers.join();
  for (const auto& member : members) {
    member->entries.reset();
    co_await member->session->close();
  }
  producer.entries.reset();
  co_await producer.session->close();
}

}  // namespace jobengine::bench
