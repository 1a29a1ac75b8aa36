#include "tests/bench/raw_operations.hpp"

#include <algorithm>
#include <deque>

#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "common/zookeeper/lasting_session.hpp"

namespace jobengine::bench {

namespace {

using nlohmann::json;
using zookeeper::CreateMode;
using zookeeper::Operation;
using zookeeper::ZnodeError;

constexpr const char* entries_path = "/job/entries/";
constexpr const char* taken_path = "/job/taken/";
constexpr const char* some_job = "job/01920000-0000-7000-8000-000000000001";
constexpr const char* some_taker = "0123456789abcdef0123456789abcdef";

struct Rounds {
  Rounds(zookeeper::Session& on, const RawWork& plan)
      : session(on),
        batch(static_cast<std::size_t>(plan.batch)),
        put_batch(static_cast<std::size_t>(plan.put_batch)),
        ahead(2 * static_cast<std::size_t>(plan.lanes) * batch + 2 * put_batch) {}

  zookeeper::Session& session;
  std::size_t batch;
  std::size_t put_batch;
  std::size_t ahead;              // names put and not taken yet, at most
  std::deque<std::string> names;  // put and not taken yet
  runtime::Event ended;
  runtime::Event room;
  std::deque<runtime::Event*> idle;  // of lanes that wait for names
  std::size_t jobs = 0;

  // As many lanes as there are names for, not all that wait.
  void call_idle_lanes() {
    for (auto calls = names.size() / batch; calls > 0 && !idle.empty(); --calls) {
      idle.front()->raise();
      idle.pop_front();
    }
  }
};

void expect(ZnodeError error, const char* what) {
  if (error == ZnodeError::Ok) return;
  throw runtime::Failure(std::string("raw ") + what + ": " + std::string(text(error)));
}

awaitable<std::vector<std::string>> put(Rounds& rounds) {
  std::vector<Operation> creates;
  for (std::size_t i = 0; i < rounds.put_batch; ++i) {
    const std::string prefix = std::string(entries_path) + "entry-999-";
    creates.push_back(
        zookeeper::create_operation(prefix, some_job, CreateMode::PersistentSequential));
  }
  auto sent = rounds.session.multi(std::move(creates));
  const auto reply = co_await std::move(sent);
  expect(reply.error, "put");
  std::vector<std::string> names;
  for (const auto& made : reply.results) {
    names.push_back(made.path.substr(made.path.rfind('/') + 1));
  }
  co_return names;
}

awaitable<void> take(Rounds& rounds, const std::vector<std::string>& names) {
  std::vector<awaitable<zookeeper::DataReply>> reads;
  for (const auto& name : names) reads.push_back(rounds.session.get(entries_path + name));
  std::vector<Operation> locks;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto reading = std::move(reads[i]);
    auto read = co_await std::move(reading);
    expect(read.error, "get");
    const auto version = read.stat.version;
    locks.push_back(
        zookeeper::set_operation(entries_path + names[i], std::move(read.data), version));
    locks.push_back(
        zookeeper::create_operation(taken_path + names[i], some_taker, CreateMode::Ephemeral));
  }
  auto sent = rounds.session.multi(std::move(locks));
  const auto reply = co_await std::move(sent);
  expect(reply.error, "take");
}

awaitable<void> consume(Rounds& rounds, const std::vector<std::string>& names) {
  std::vector<Operation> removes;
  for (const auto& name : names) {
    removes.push_back(zookeeper::remove_operation(entries_path + name, 1));
    removes.push_back(zookeeper::remove_operation(taken_path + name));
  }
  auto sent = rounds.session.multi(std::move(removes));
  const auto reply = co_await std::move(sent);
  expect(reply.error, "consume");
}

awaitable<void> keep_putting(Rounds& rounds) {
  while (!rounds.ended.raised()) {
    if (rounds.names.size() >= rounds.ahead) {
      rounds.room.reset();
      co_await runtime::Event::wait_either(rounds.room, rounds.ended, runtime::TimePoint::max());
      continue;
    }
    const auto made = co_await put(rounds);
    rounds.names.insert(rounds.names.end(), made.begin(), made.end());
    rounds.call_idle_lanes();
  }
}

// The next `batch` names; fewer only in the end.
awaitable<std::vector<std::string>> next_names(Rounds& rounds) {
  while (rounds.names.size() < rounds.batch && !rounds.ended.raised()) {
    runtime::Event called;
    rounds.idle.push_back(&called);
    co_await runtime::Event::wait_either(called, rounds.ended, runtime::TimePoint::max());
    std::erase(rounds.idle, &called);
  }
  std::vector<std::string> some;
  while (!rounds.names.empty() && some.size() < rounds.batch) {
    some.push_back(std::move(rounds.names.front()));
    rounds.names.pop_front();
  }
  if (rounds.names.size() < rounds.ahead) rounds.room.raise();
  co_return some;
}

awaitable<void> keep_taking(Rounds& rounds) {
  while (true) {
    const auto names = co_await next_names(rounds);
    if (names.empty()) co_return;
    co_await take(rounds, names);
    co_await consume(rounds, names);
    rounds.jobs += names.size();
  }
}

awaitable<json> measure(asio::io_context& loop, Rounds& rounds, const RawWork& plan) {
  runtime::TaskGroup lanes(loop.get_executor());
  for (int i = 0; i < plan.lanes; ++i) lanes.spawn(keep_taking(rounds));
  const int putters = std::max(2, 2 * plan.lanes * plan.batch / plan.put_batch);
  for (int i = 0; i < putters; ++i) lanes.spawn(keep_putting(rounds));
  runtime::Event never;
  co_await never.wait_for(std::chrono::milliseconds(500));
  const auto begun = runtime::Clock::now();
  const std::size_t before = rounds.jobs;
  co_await never.wait_for(std::chrono::milliseconds(static_cast<int>(plan.seconds * 1000)));
  const std::chrono::duration<double> took = runtime::Clock::now() - begun;
  const std::size_t jobs = rounds.jobs - before;
  rounds.ended.raise();
  co_await lanes.join();
  // What was being put when the takers ended: nothing is left for the next measurement.
  for (int i = 0; i < plan.lanes; ++i) lanes.spawn(keep_taking(rounds));
  co_await lanes.join();
  co_return json{{"jobs", jobs},
                 {"seconds", took.count()},
                 {"per_second", static_cast<double>(jobs) / took.count()},
                 {"batch", plan.batch},
                 {"put_batch", plan.put_batch},
                 {"lanes", plan.lanes}};
}

}  // namespace

awaitable<json> work_raw(asio::io_context& loop, RawWork plan) {
  const auto session = zookeeper::make_session(loop, zookeeper::parse_hosts({plan.hosts}));
  co_await zookeeper::ensure_path(*session, "/job/entries");
  co_await zookeeper::ensure_path(*session, "/job/taken");
  Rounds rounds(*session, plan);
  auto measured = co_await measure(loop, rounds, plan);
  co_await session->close();
  co_return measured;
}

}  // namespace jobengine::bench
