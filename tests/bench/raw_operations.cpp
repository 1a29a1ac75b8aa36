#include "tests/bench/raw_operations.hpp"

#include <algorithm>

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
  zookeeper::Session& session;
  std::size_t batch = 1;
  std::size_t put_batch = 1;
  bool stop = false;
  std::size_t jobs = 0;
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

awaitable<void> keep_going(Rounds& rounds) {
  while (!rounds.stop) {
    const auto names = co_await put(rounds);
    for (std::size_t from = 0; from < names.size(); from += rounds.batch) {
      const auto to = std::min(from + rounds.batch, names.size());
      const std::vector<std::string> some(names.begin() + static_cast<std::ptrdiff_t>(from),
                                          names.begin() + static_cast<std::ptrdiff_t>(to));
      co_await take(rounds, some);
      co_await consume(rounds, some);
      rounds.jobs += some.size();
    }
  }
}

awaitable<json> measure(asio::io_context& loop, Rounds& rounds, const RawWork& plan) {
  runtime::TaskGroup lanes(loop.get_executor());
  for (int i = 0; i < plan.lanes; ++i) lanes.spawn(keep_going(rounds));
  runtime::Event never;
  co_await never.wait_for(std::chrono::milliseconds(500));
  const auto begun = runtime::Clock::now();
  const std::size_t before = rounds.jobs;
  co_await never.wait_for(std::chrono::milliseconds(static_cast<int>(plan.seconds * 1000)));
  const std::chrono::duration<double> took = runtime::Clock::now() - begun;
  const std::size_t jobs = rounds.jobs - before;
  rounds.stop = true;
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
  Rounds rounds{*session, static_cast<std::size_t>(plan.batch),
                static_cast<std::size_t>(plan.put_batch)};
  auto measured = co_await measure(loop, rounds, plan);
  co_await session->close();
  co_return measured;
}

}  // namespace jobengine::bench
