// What a session does while all is well, against a real server.
#include <catch2/catch.hpp>
#include <set>

#include "common/runtime/failure.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::zookeeper;
using namespace std::chrono_literals;
using tests::run_on_loop;
using tests::ZooKeeperServer;

namespace {

std::unique_ptr<Session> new_session(asio::io_context& loop, const std::string& hosts) {
  SessionOptions options = parse_hosts({hosts});
  options.timeout = 4s;
  return make_session(loop, options);
}

}  // namespace

TEST_CASE("session: creates, reads, changes, lists and removes nodes", "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto session = new_session(loop, ZooKeeperServer::shared().fresh_chroot());
    const std::string bytes("a\0b", 3);
    const auto made = co_await session->create("/a", bytes, CreateMode::Persistent);
    REQUIRE(made.error == ZnodeError::Ok);
    REQUIRE(made.path == "/a");
    const auto again = co_await session->create("/a", "", CreateMode::Persistent);
    REQUIRE(again.error == ZnodeError::NodeExists);
    const auto read = co_await session->get("/a");
    REQUIRE(read.data == bytes);
    REQUIRE(read.stat.version == 0);
    REQUIRE(read.stat.ephemeral_owner == 0);
    const auto set = co_await session->set("/a", "new", 0);
    REQUIRE(set.stat.version == 1);
    const auto stale = co_await session->set("/a", "newer", 0);
    REQUIRE(stale.error == ZnodeError::BadVersion);
    const auto child = co_await session->create("/a/c-", "", CreateMode::EphemeralSequential);
    REQUIRE(child.path == "/a/c-0000000000");
    const auto children = co_await session->children("/a");
    REQUIRE(children.names == std::vector<std::string>{"c-0000000000"});
    REQUIRE(children.stat.child_count == 1);
    const auto owned = co_await session->exists("/a/c-0000000000");
    REQUIRE(owned.stat.ephemeral_owner == session->session_id());
    const auto full = co_await session->remove("/a", -1);
    REQUIRE(full == ZnodeError::NotEmpty);
    const auto below = co_await session->create("/a/c-0000000000/x", "", CreateMode::Persistent);
    REQUIRE(below.error == ZnodeError::NoChildrenForEphemerals);
    const auto removed = co_await session->remove("/a/c-0000000000", 0);
    REQUIRE(removed == ZnodeError::Ok);
    const auto gone = co_await session->get("/a/c-0000000000");
    REQUIRE(gone.error == ZnodeError::NoNode);
    const auto synced = co_await session->sync("/a");
    REQUIRE(synced == ZnodeError::Ok);
    co_await session->close();
  });
}

TEST_CASE("session: malformed requests are answered, not sent", "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto session = new_session(loop, ZooKeeperServer::shared().fresh_chroot());
    const std::string huge(2000000, 'x');
    for (const std::string path : {"", "relative", "/a//b", "/a/"}) {
      const auto made = co_await session->create(path, "", CreateMode::Persistent);
      CAPTURE(path);
      REQUIRE(made.error == ZnodeError::BadArguments);
    }
    const auto large = co_await session->create("/large", huge, CreateMode::Persistent);
    REQUIRE(large.error == ZnodeError::BadArguments);
    REQUIRE(session->state() == SessionState::Connected);
    co_await session->close();
  });
}

TEST_CASE("session: a chroot that does not exist is created", "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const std::string chroot = ZooKeeperServer::shared().fresh_chroot();
    auto inside = new_session(loop, chroot + "/deep/er");
    auto outside = new_session(loop, chroot);
    const auto made = co_await inside->create("/a", "1", CreateMode::Persistent);
    REQUIRE(made.path == "/a");
    const auto seen = co_await outside->get("/deep/er/a");
    REQUIRE(seen.data == "1");
    const auto root = co_await inside->children("/");
    REQUIRE(root.names == std::vector<std::string>{"a"});
    co_await inside->close();
    co_await outside->close();
  });
}

TEST_CASE("session: a multi happens whole or not at all", "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto session = new_session(loop, ZooKeeperServer::shared().fresh_chroot());
    std::vector<Operation> good{
        create_operation("/a", "1", CreateMode::Persistent), set_operation("/a", "2", 0),
        create_operation("/a/s-", "", CreateMode::PersistentSequential), check_operation("/a", 1)};
    const auto done = co_await session->multi(std::move(good));
    REQUIRE(done.error == ZnodeError::Ok);
    REQUIRE(done.results.size() == 4);
    REQUIRE(done.results[0].path == "/a");
    REQUIRE(done.results[1].stat.version == 1);
    REQUIRE(done.results[2].path == "/a/s-0000000000");

    std::vector<Operation> bad{set_operation("/a", "3"), remove_operation("/a/s-0000000000", 7),
                               create_operation("/b", "", CreateMode::Persistent)};
    const auto refused = co_await session->multi(std::move(bad));
    REQUIRE(refused.error == ZnodeError::BadVersion);
    REQUIRE(refused.results[0].error == ZnodeError::RolledBack);
    REQUIRE(refused.results[1].error == ZnodeError::BadVersion);
    REQUIRE(refused.results[2].error == ZnodeError::RolledBack);
    const auto untouched = co_await session->get("/a");
    REQUIRE(untouched.data == "2");
    const auto absent = co_await session->exists("/b");
    REQUIRE(absent.error == ZnodeError::NoNode);
    std::vector<Operation> nothing;
    const auto empty = co_await session->multi(std::move(nothing));
    REQUIRE(empty.error == ZnodeError::Ok);
    co_await session->close();
  });
}

TEST_CASE("session: requests are sent in the order of the calls", "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto session = new_session(loop, ZooKeeperServer::shared().fresh_chroot());
    auto first = session->create("/a", "1", CreateMode::Persistent);
    auto second = session->set("/a", "2", 0);
    auto third = session->get("/a");
    const auto read = co_await std::move(third);
    REQUIRE(read.data == "2");
    const auto set = co_await std::move(second);
    REQUIRE(set.stat.version == 1);
    const auto made = co_await std::move(first);
    REQUIRE(made.error == ZnodeError::Ok);
    co_await session->close();
  });
}

TEST_CASE("session: a watch is raised when the node changes, once", "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const std::string hosts = ZooKeeperServer::shared().fresh_chroot();
    auto session = new_session(loop, hosts);
    auto other = new_session(loop, hosts);
    auto created = make_watch();
    const auto absent = co_await session->exists("/a", created);
    REQUIRE(absent.error == ZnodeError::NoNode);
    auto never = make_watch();
    const auto none = co_await session->get("/a", never);
    REQUIRE(none.error == ZnodeError::NoNode);
    REQUIRE_FALSE(created->raised());
    const auto made = co_await other->create("/a", "", CreateMode::Persistent);
    REQUIRE(made.error == ZnodeError::Ok);
    const bool told = co_await created->wait_for(30s);
    REQUIRE(told);

    auto changed = make_watch();
    auto children = make_watch();
    co_await session->get("/a", changed);
    co_await session->children("/a", children);
    co_await other->create("/a/b", "", CreateMode::Persistent);
    const bool grown = co_await children->wait_for(30s);
    REQUIRE(grown);
    REQUIRE_FALSE(changed->raised());
    co_await other->set("/a", "x", -1);
    const bool data = co_await changed->wait_for(30s);
    REQUIRE(data);
    REQUIRE_FALSE(never->raised());
    co_await other->close();
    co_await session->close();
  });
}

TEST_CASE("session: closing removes its ephemeral nodes at once", "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const std::string hosts = ZooKeeperServer::shared().fresh_chroot();
    auto session = new_session(loop, hosts);
    auto other = new_session(loop, hosts);
    co_await session->create("/mine", "", CreateMode::Ephemeral);
    auto gone = make_watch();
    const auto there = co_await other->exists("/mine", gone);
    REQUIRE(there.error == ZnodeError::Ok);
    co_await session->close();
    REQUIRE(session->state() == SessionState::Closed);
    const bool told = co_await gone->wait_for(1s);  // the timeout of the session is 4 s
    REQUIRE(told);
    const auto late = co_await session->get("/mine");
    REQUIRE(late.error == ZnodeError::SessionLost);
    co_await session->close();
    co_await other->close();
  });
}

TEST_CASE("session: many requests at once are all answered", "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto session = new_session(loop, ZooKeeperServer::shared().fresh_chroot());
    constexpr int count = 1000;
    std::vector<awaitable<CreateReply>> creations;
    for (int i = 0; i < count; ++i) {
      creations.push_back(session->create("/n-", "", CreateMode::PersistentSequential));
    }
    std::set<std::string> names;
    for (auto& creation : creations) {
      const auto made = co_await std::move(creation);
      REQUIRE(made.error == ZnodeError::Ok);
      names.insert(made.path);
    }
    REQUIRE(names.size() == count);
    co_await session->close();
  });
}

TEST_CASE("session: missing parents are made by ensure_path", "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto session = new_session(loop, ZooKeeperServer::shared().fresh_chroot());
    co_await ensure_path(*session, "/x/y/z");
    co_await ensure_path(*session, "/x/y/z");
    const auto there = co_await session->exists("/x/y/z");
    REQUIRE(there.error == ZnodeError::Ok);
    co_await session->create("/x/e", "", CreateMode::Ephemeral);
    bool refused = false;
    try {
      co_await ensure_path(*session, "/x/e/below");
    } catch (const runtime::Failure& failure) {
      refused = std::string(failure.what()).find("/x/e/below") != std::string::npos;
    }
    REQUIRE(refused);
    co_await session->close();
  });
}
