#include "tests/integration/election/election_fixture.hpp"
#include "tests/servers/session_expiry.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using namespace std::chrono_literals;

namespace {

int leaders(const std::vector<Contender*>& contenders) {
  int count = 0;
  for (const Contender* contender : contenders) count += contender->leading ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("election: one of three leads, and the next takes over when it resigns",
          "[election][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    Contender one(loop, hosts, "D1");
    Contender two(loop, hosts, "D2");
    Contender three(loop, hosts, "D3");
    const std::vector<Contender*> all{&one, &two, &three};
    one.stand();
    const bool first = co_await one.leads_soon();
    REQUIRE(first);
    two.stand();
    bool listed = false;
    while (!listed) listed = (co_await one.election->contenders()).size() == 2;
    three.stand();
    std::vector<std::string> names;
    while (names.size() < 3) names = co_await three.election->contenders();
    REQUIRE(names == std::vector<std::string>{"D1", "D2", "D3"});
    REQUIRE(leaders(all) == 1);
    co_await one.resign();
    REQUIRE_FALSE(one.leading);
    const bool second = co_await two.leads_soon();
    REQUIRE(second);
    REQUIRE(leaders(all) == 1);
    co_await two.resign();
    const bool third = co_await three.leads_soon();
    REQUIRE(third);
    REQUIRE(leaders(all) == 1);
    for (Contender* contender : all) co_await contender->leave();
  });
}

TEST_CASE("election: the next one takes over when the leader's session dies",
          "[election][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    auto& server = ZooKeeperServer::shared();
    const auto hosts = server.fresh_chroot();
    Contender one(loop, hosts, "D1");
    Contender two(loop, hosts, "D2");
    one.stand();
    const bool first = co_await one.leads_soon();
    REQUIRE(first);
    two.stand();
    std::vector<std::string> names;
    while (names.size() < 2) names = co_await one.election->contenders();
    co_await expire_session(server.port(), one.session->session_id());
    const bool second = co_await two.leads_soon();
    REQUIRE(second);
    const bool ended = co_await eventually([&] { return !one.leading; });
    REQUIRE(ended);
    // The old leader stands again, behind.
    names.clear();
    while (names.size() < 2) names = co_await two.election->contenders();
    REQUIRE(names == std::vector<std::string>{"D2", "D1"});
    REQUIRE_FALSE(one.leading);
    co_await two.leave();
    const bool again = co_await one.leads_soon();
    REQUIRE(again);
    REQUIRE(one.terms == 2);
    co_await one.leave();
  });
}

TEST_CASE("election: a leader that loses touch is told before its lease ends",
          "[election][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    ZooKeeperServer server;
    Contender leader(loop, server.fresh_chroot(), "D1");
    leader.stand();
    const bool leads = co_await leader.leads_soon();
    REQUIRE(leads);
    server.freeze();
    const bool over = co_await eventually([&] { return !leader.leading; });
    REQUIRE(over);
    REQUIRE(leader.held_when_over);
    server.thaw();
    const bool again = co_await leader.leads_soon();
    REQUIRE(again);
    co_await leader.leave();
  });
}

TEST_CASE("election: a leader whose work fails gives way and stands again",
          "[election][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const auto hosts = ZooKeeperServer::shared().fresh_chroot();
    Contender one(loop, hosts, "D1");
    one.failures_to_come = 2;
    one.stand();
    const bool leads = co_await one.leads_soon();
    REQUIRE(leads);
    REQUIRE(one.terms == 3);
    const auto names = co_await one.election->contenders();
    REQUIRE(names == std::vector<std::string>{"D1"});
    co_await one.leave();
  });
}

TEST_CASE("election: a contender whose create was not answered stands once",
          "[election][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    for (const Lost lost : {Lost::Answer, Lost::Request}) {
      const auto hosts = ZooKeeperServer::shared().fresh_chroot();
      Contender one(loop, hosts, "D1");
      one.session->lose_next(Call::Multi, lost);
      one.stand();
      const bool leads = co_await one.leads_soon();
      REQUIRE(leads);
      const auto names = co_await one.election->contenders();
      REQUIRE(names == std::vector<std::string>{"D1"});
      // Nor does an answer lost on leaving keep the node.
      one.session->lose_next(Call::Remove, lost);
      co_await one.resign();
      const auto left = co_await one.session->children(election_path, nullptr);
      REQUIRE(left.names.empty());
      co_await one.leave();
    }
  });
}

TEST_CASE("election: a campaign stops while ZooKeeper is away", "[election][zookeeper]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    ZooKeeperServer server;
    const auto hosts = server.fresh_chroot();
    Contender leader(loop, hosts, "D1");
    Contender waiting(loop, hosts, "D2");
    leader.stand();
    const bool leads = co_await leader.leads_soon();
    REQUIRE(leads);
    waiting.stand();
    std::vector<std::string> names;
    while (names.size() < 2) names = co_await leader.election->contenders();
    server.freeze();
    co_await leader.resign();
    co_await waiting.resign();
    REQUIRE_FALSE(leader.leading);
    REQUIRE(waiting.terms == 0);
    server.thaw();
    co_await leader.leave();
    co_await waiting.leave();
  });
}
