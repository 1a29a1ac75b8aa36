// One leader among Python's contenders and ours.
#include "tests/integration/election/election_fixture.hpp"
#include "tests/servers/kazoo_peer.hpp"

using namespace jobengine;
using namespace jobengine::tests;

TEST_CASE("kazoo: its contender waits behind ours and takes over", "[election][kazoo]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    Contender ours(loop, hosts, "ours");
    ours.stand();
    const bool leads = co_await ours.leads_soon();
    REQUIRE(leads);
    auto peer = co_await KazooPeer::start(hosts);
    co_await peer.ask("stand " + election_path + " python");
    std::vector<std::string> names;
    while (names.size() < 2) names = co_await ours.election->contenders();
    REQUIRE(names == std::vector<std::string>{"ours", "python"});
    const auto seen = co_await peer.ask("contenders " + election_path);
    REQUIRE(seen == "ours,python");
    REQUIRE(ours.leading);
    co_await ours.resign();
    const auto told = co_await peer.next_line();
    REQUIRE(told == "leading python");
    co_await ours.leave();
  });
}

TEST_CASE("kazoo: our contender waits behind its and takes over when it resigns",
          "[election][kazoo]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    Contender ours(loop, hosts, "ours");
    co_await zookeeper::ensure_path(*ours.session, election_path);
    auto peer = co_await KazooPeer::start(hosts);
    const auto standing = co_await peer.ask("stand " + election_path + " python");
    const auto leading = co_await peer.next_line();
    // The two lines come from two threads of it.
    REQUIRE((standing == "leading python" || leading == "leading python"));
    ours.stand();
    std::vector<std::string> names;
    while (names.size() < 2) names = co_await ours.election->contenders();
    REQUIRE_FALSE(ours.leading);
    REQUIRE(ours.terms == 0);
    co_await peer.ask("resign");
    const bool leads = co_await ours.leads_soon();
    REQUIRE(leads);
    co_await ours.leave();
  });
}

TEST_CASE("kazoo: our contender takes over when the leading process is killed",
          "[election][kazoo]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    Contender ours(loop, hosts, "ours");
    co_await zookeeper::ensure_path(*ours.session, election_path);
    auto peer = co_await KazooPeer::start(hosts);
    co_await peer.ask("stand " + election_path + " python");
    co_await peer.next_line();
    ours.stand();
    std::vector<std::string> names;
    while (names.size() < 2) names = co_await ours.election->contenders();
    REQUIRE_FALSE(ours.leading);
    peer.kill();
    const bool leads = co_await ours.leads_soon();
    REQUIRE(leads);
    names = co_await ours.election->contenders();
    REQUIRE(names == std::vector<std::string>{"ours"});
    co_await ours.leave();
  });
}
