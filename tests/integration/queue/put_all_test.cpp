// Many entries at once: several multis are under way at a time.
#include "common/runtime/failure.hpp"
#include "tests/integration/queue/queue_fixture.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;

namespace {

std::vector<PutRequest> requests(std::size_t count) {
  std::vector<PutRequest> made;
  for (std::size_t i = 0; i < count; ++i) made.push_back({"job/" + std::to_string(i), 50});
  return made;
}

}  // namespace

TEST_CASE("put_all: several multis are under way, and the entries have the order of the requests",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    std::size_t sent_before = 0;
    const auto count = [&](zookeeper::Session&) {
      if (process.entries->counters().puts == 0) ++sent_before;
    };
    for (int i = 0; i < 7; ++i) process.session->before_next(Call::Multi, count);
    const auto replies = co_await process.entries->put_all(requests(650));
    REQUIRE(sent_before >= 3);
    REQUIRE(process.session->calls(Call::Multi) == 7);
    REQUIRE(replies.size() == 650);
    std::int64_t last = -1;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      const auto& path = replies[i].path;
      const auto name = parse_entry_name(std::string_view(path).substr(path.rfind('/') + 1));
      REQUIRE(name);
      REQUIRE(name->sequence > last);
      last = name->sequence;
      if (i % 50 != 0) continue;
      const auto data = co_await process.entries->data_of(*name);
      REQUIRE(data == "job/" + std::to_string(i));
    }
    co_await process.stop_now();
  });
}

TEST_CASE("put_all: lost answers of some multis are looked for", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await process.entries->put("job/first", 50);
    process.session->lose_next(Call::Multi, Lost::Answer);
    process.session->lose_next(Call::Multi, Lost::Request);
    const auto replies = co_await process.entries->put_all(requests(450));
    REQUIRE(replies.size() == 450);
    for (std::size_t i = 0; i < replies.size(); ++i) {
      const bool lost = i >= 100 && i < 200;
      REQUIRE(replies[i].outcome == (lost ? PutOutcome::Unknown : PutOutcome::Done));
    }
    const auto depth = co_await process.entries->depth();
    REQUIRE(depth.entries == 351);
    co_await process.stop_now();
  });
}

TEST_CASE("put_all: what is behind a refused multi and not under way yet is never put",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    auto many = requests(3000);
    many[150].job_id = std::string(2 << 20, 'x');
    bool refused = false;
    try {
      co_await process.entries->put_all(std::move(many));
    } catch (const runtime::Failure&) {
      refused = true;
    }
    REQUIRE(refused);
    const auto depth = co_await process.entries->depth();
    REQUIRE(depth.entries >= 100);
    REQUIRE(depth.entries < 2000);
    co_await process.entries->put("job/last", 50);
    const auto later = co_await process.entries->depth();
    REQUIRE(later.entries == depth.entries + 1);
    co_await process.stop_now();
  });
}
