// How a producer tells of a priority other than the common one, and what happens when it may not.
#include "tests/integration/queue/queue_fixture.hpp"
#include "tests/servers/node_permissions.hpp"

using namespace jobengine;
using namespace jobengine::queue;
using namespace jobengine::tests;
using namespace std::chrono_literals;

namespace {

// The path of the entries' folder as the server sees it.
std::string real_folder(const std::string& hosts) {
  return hosts.substr(hosts.find('/')) + "/job/entries";
}

awaitable<std::int32_t> announcements(QueueProcess& process) {
  const auto folder = co_await process.session->exists("/job/entries", nullptr);
  REQUIRE(folder.error == zookeeper::ZnodeError::Ok);
  co_return folder.stat.version;
}

}  // namespace

TEST_CASE("announcement: only priorities other than the common one raise the folder's version",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    QueueProcess process(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await process.entries->put("job/1", 999);
    const auto before = co_await announcements(process);
    co_await process.entries->put("job/2", 999);
    std::vector<PutRequest> mixed = {{"job/3", 999}, {"job/4", 7}, {"job/5", 8}};
    const auto unchanged = co_await announcements(process);
    CHECK(unchanged == before);
    co_await process.entries->put_all(std::move(mixed));
    const auto raised = co_await announcements(process);
    CHECK(raised == before + 1);
    co_await process.stop_now();
  });
}

TEST_CASE("announcement: one that is forbidden does not fail the put", "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto& server = ZooKeeperServer::shared();
    const auto hosts = server.fresh_chroot();
    QueueProcess producer(loop, hosts);
    co_await zookeeper::ensure_path(*producer.session, "/job/entries");
    co_await permit(server.port(), real_folder(hosts), Permissions::AllButWrite);
    const auto before = co_await announcements(producer);
    const auto alone = co_await producer.entries->put("job/urgent", 1);
    CHECK(alone.outcome == PutOutcome::Done);
    std::vector<PutRequest> many;
    for (int i = 0; i < 150; ++i)
      many.push_back({"job/" + std::to_string(i), i % 2 == 0 ? 50 : 999});
    const auto replies = co_await producer.entries->put_all(std::move(many));
    REQUIRE(replies.size() == 150);
    for (const auto& reply : replies) CHECK(reply.outcome == PutOutcome::Done);
    const auto depth = co_await producer.entries->depth();
    CHECK(depth.entries == 151);  // each once: what was refused was refused whole
    const auto after = co_await announcements(producer);
    CHECK(after == before);
    // It is found all the same, and taken first.
    QueueProcess taker(loop, hosts);
    auto first = co_await taker.take();
    CHECK(first.data() == "job/urgent");
    const auto done = co_await taker.entries->consume(std::move(first));
    CHECK(done == FinishOutcome::Done);
    co_await producer.stop_now();
    co_await taker.stop_now();
  });
}

TEST_CASE("announcement: a waiting taker gets an urgent entry that could not be announced",
          "[queue][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto& server = ZooKeeperServer::shared();
    const auto hosts = server.fresh_chroot();
    QueueProcess producer(loop, hosts);
    co_await producer.entries->put("job/first", 999);
    co_await permit(server.port(), real_folder(hosts), Permissions::AllButWrite);
    QueueProcess taker(loop, hosts);
    auto first = co_await taker.take();
    co_await taker.entries->consume(std::move(first));
    co_await producer.entries->put("job/urgent", 1);
    auto urgent = co_await taker.take();
    CHECK(urgent.data() == "job/urgent");
    co_await taker.entries->release(std::move(urgent));
    co_await producer.stop_now();
    co_await taker.stop_now();
  });
}
