// What a session does when connections and sessions end, against a real server that is tortured.
#include <catch2/catch.hpp>

#include "common/runtime/deadline.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "ctl/development/free_port.hpp"
#include "tests/servers/session_expiry.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::zookeeper;
using namespace std::chrono_literals;
using tests::eventually;
using tests::run_on_loop;
using tests::ZooKeeperServer;

namespace {

std::unique_ptr<Session> new_session(asio::io_context& loop, const std::string& hosts,
                                     std::chrono::milliseconds timeout = 4s) {
  SessionOptions options = parse_hosts({hosts});
  options.timeout = timeout;
  return make_session(loop, options);
}

runtime::TimePoint soon() {
  return runtime::Clock::now() + 30s;
}

}  // namespace

TEST_CASE("session: after its expiry watches are raised, listeners told, and a new epoch begins",
          "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    ZooKeeperServer& server = ZooKeeperServer::shared();
    auto session = new_session(loop, server.fresh_chroot());
    std::vector<std::pair<SessionState, Epoch>> history;
    auto subscription = session->subscribe(
        [&history](SessionState state, Epoch epoch) { history.emplace_back(state, epoch); });
    const bool connected = co_await session->connected(soon());
    REQUIRE(connected);
    REQUIRE(session->epoch() == 1);
    REQUIRE(session->timeout() == 4s);
    co_await session->create("/mine", "", CreateMode::Ephemeral);
    auto watch = make_watch();
    co_await session->get("/mine", watch);
    REQUIRE(session->lease_valid_until() > LeaseClock::now());
    const auto first_id = session->session_id();

    co_await tests::expire_session(server.port(), first_id);
    const bool raised = co_await watch->wait_for(30s);
    REQUIRE(raised);
    const auto gone = co_await session->exists("/mine");
    const bool back = co_await session->connected(soon());
    REQUIRE(back);
    REQUIRE(session->epoch() == 2);
    REQUIRE(session->session_id() != first_id);
    // Asked before or after the epoch's end: either way the node is not there any more.
    REQUIRE((gone.error == ZnodeError::NoNode || gone.error == ZnodeError::SessionLost));
    using State = SessionState;
    // In between it may have lost and found its connection.
    const std::vector<std::pair<State, Epoch>> expected{
        {State::Expired, 1}, {State::Connecting, 1}, {State::Connected, 2}};
    REQUIRE(history.size() > expected.size());
    REQUIRE(history.front() == std::pair(State::Connected, Epoch{1}));
    REQUIRE(std::equal(expected.rbegin(), expected.rend(), history.rbegin()));
    std::vector<Operation> operations{create_operation("/old", "", CreateMode::Persistent)};
    const auto stale = co_await session->multi(std::move(operations), 1);
    REQUIRE(stale.error == ZnodeError::SessionLost);
    std::vector<Operation> current{create_operation("/new", "", CreateMode::Persistent)};
    const auto fresh = co_await session->multi(std::move(current), 2);
    REQUIRE(fresh.error == ZnodeError::Ok);
    const auto old = co_await session->exists("/old");
    REQUIRE(old.error == ZnodeError::NoNode);
    subscription.reset();
    co_await session->close();
    REQUIRE(history.back().first == State::Connected);
  });
}

TEST_CASE("session: a request made while the server is down completes after the reconnect",
          "[zookeeper]") {
  run_on_loop(
      [](asio::io_context& loop) -> awaitable<void> {
        ZooKeeperServer server;
        auto session = new_session(loop, server.fresh_chroot());
        const auto made = co_await session->create("/a", "1", CreateMode::Persistent);
        REQUIRE(made.error == ZnodeError::Ok);
        server.kill();
        const bool noticed =
            co_await eventually([&] { return session->state() == SessionState::Disconnected; });
        REQUIRE(noticed);
        auto read = session->get("/a");
        auto written = session->set("/a", "2", 0);
        auto nothing = runtime::until(runtime::Clock::now() + 500ms, session->get("/a"));
        const auto early = co_await std::move(nothing);
        REQUIRE_FALSE(early);
        server.restart();
        const auto data = co_await std::move(read);
        const auto set = co_await std::move(written);
        // The restart may take longer than the session lives; then all three say so.
        if (session->epoch() == 1) {
          REQUIRE(data.data == "1");
          REQUIRE(set.stat.version == 1);
        } else {
          REQUIRE(data.error == ZnodeError::SessionLost);
          REQUIRE(set.error == ZnodeError::SessionLost);
        }
        co_await session->close();
      },
      120s);
}

TEST_CASE("session: a read whose connection breaks is asked again, a watch survives",
          "[zookeeper]") {
  run_on_loop(
      [](asio::io_context& loop) -> awaitable<void> {
        ZooKeeperServer server;
        auto session = new_session(loop, server.fresh_chroot());
        co_await session->create("/a", "1", CreateMode::Persistent);
        auto watch = make_watch();
        co_await session->get("/a", watch);
        server.freeze();
        auto read = session->get("/a");
        auto written = session->create("/b", "", CreateMode::Persistent);
        const bool noticed =
            co_await eventually([&] { return session->state() == SessionState::Disconnected; });
        REQUIRE(noticed);
        server.thaw();
        const auto write = co_await std::move(written);
        REQUIRE(outcome_unknown(write.error));
        const auto data = co_await std::move(read);
        if (session->epoch() == 1) {
          REQUIRE(data.data == "1");
          REQUIRE_FALSE(watch->raised());
        }
        co_await session->set("/a", "2", -1);
        const bool raised = co_await watch->wait_for(30s);
        REQUIRE(raised);
        co_await session->close();
      },
      120s);
}

TEST_CASE("session: the lease runs out while the server is frozen, and is renewed after",
          "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    ZooKeeperServer server;
    auto session = new_session(loop, server.fresh_chroot());
    REQUIRE(session->lease_valid_until() == LeaseTime::min());
    const auto made = co_await session->create("/a", "", CreateMode::Persistent);
    REQUIRE(made.error == ZnodeError::Ok);
    const auto first = session->lease_valid_until();
    REQUIRE(first > LeaseClock::now());
    REQUIRE(first <= LeaseClock::now() + 2667ms);
    // Nothing is asked of it, yet it is kept up.
    const bool kept = co_await eventually([&] { return session->lease_valid_until() > first; });
    REQUIRE(kept);
    server.freeze();
    const bool ended =
        co_await eventually([&] { return session->lease_valid_until() <= LeaseClock::now(); });
    REQUIRE(ended);
    server.thaw();
    const bool renewed =
        co_await eventually([&] { return session->lease_valid_until() > LeaseClock::now(); });
    REQUIRE(renewed);
    co_await session->close();
  });
}

TEST_CASE("session: the lease ends before another one sees the ephemeral nodes go", "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    ZooKeeperServer& server = ZooKeeperServer::shared();
    const std::string chroot = server.fresh_chroot();
    auto session = new_session(loop, chroot);
    co_await session->create("/mine", "", CreateMode::Ephemeral);
    Epoch told = 0;
    bool leased = true;
    auto subscription = session->subscribe([&](SessionState state, Epoch epoch) {
      if (state != SessionState::Expired) return;
      told = epoch;
      leased = session->lease_valid_until() > LeaseClock::now();
    });
    co_await tests::expire_session(server.port(), session->session_id());
    const bool expired = co_await eventually([&] { return told == 1; });
    REQUIRE(expired);
    REQUIRE_FALSE(leased);
    co_await session->close();
  });
}

TEST_CASE("session: hosts that do not resolve or answer are left out", "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const std::string good = ZooKeeperServer::shared().fresh_chroot();
    const std::string dead = "127.0.0.1:" + std::to_string(development::free_port());
    auto session = new_session(loop, "no-such-host.invalid:2181," + dead + "," + good);
    const auto made = co_await session->create("/a", "", CreateMode::Persistent);
    REQUIRE(made.error == ZnodeError::Ok);
    co_await session->close();
  });
}

TEST_CASE("session: with no host that resolves it keeps trying, and closes", "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto session = new_session(loop, "no-such-host.invalid:2181");
    const auto deadline = runtime::Clock::now() + 300ms;
    const bool connected = co_await session->connected(deadline);
    REQUIRE_FALSE(connected);
    auto request = session->get("/a");
    co_await session->close();
    const auto read = co_await std::move(request);
    REQUIRE(read.error == ZnodeError::SessionLost);
  });
}

TEST_CASE("session: closes while the server is frozen, and completes every request",
          "[zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    ZooKeeperServer server;
    auto session = new_session(loop, server.fresh_chroot(), 1s);
    co_await session->create("/a", "", CreateMode::Persistent);
    auto watch = make_watch();
    co_await session->get("/a", watch);
    server.freeze();
    auto read = session->get("/a");
    auto written = session->set("/a", "", -1);
    co_await session->close();
    REQUIRE(watch->raised());
    const auto data = co_await std::move(read);
    REQUIRE(data.error == ZnodeError::SessionLost);
    const auto set = co_await std::move(written);
    REQUIRE(set.error == ZnodeError::SessionLost);
    server.thaw();
  });
}
