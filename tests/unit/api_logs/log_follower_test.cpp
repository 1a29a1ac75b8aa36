// Followers of logs on a real store, sent to a client that is played by the test.
#include "api/logs/log_follower.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "api/access/acl.hpp"
#include "api/cimi/cimi_error.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/api_events/played_client.hpp"

using namespace jobengine;
using namespace jobengine::api;
using namespace jobengine::api::logs;
using nlohmann::json;
using tests::PlayedClient;

namespace {

constexpr auto quiet = std::chrono::milliseconds(200);

struct World {
  tests::TemporaryDirectory folder;
  events::Hub hub;
  std::unique_ptr<store::Store> store =
      store::open_sqlite_store((folder.path() / "jobs.db").string());
  std::size_t sent = 0;
  std::int64_t next = 0;  // of the lines of attempt 1
  events::StreamWorld parts{hub, *store,
                            [](const access::Identity&) -> awaitable<bool> { co_return true; },
                            [this](std::size_t count) { sent += count; }, events::StreamOptions()};
  World() { store->observe(hub.observer()); }

  awaitable<void> put(std::string state, std::string owner = "user/jane",
                      std::string updated = cimi::timestamp(cimi::wall_now())) {
    json document = {{"id", "job/1"},
                     {"resource-type", "job"},
                     {"state", state},
                     {"updated", updated},
                     {"acl", access::acl_owned_by(owner)}};
    const store::Decision put = {store::Decision::Kind::Put, document, false};
    co_await change(put);
  }
  awaitable<void> remove() {
    const store::Decision gone = {store::Decision::Kind::Remove, {}, false};
    co_await change(gone);
  }
  // `texts`: "a,b,c", a line each.
  awaitable<void> append(std::string texts, std::string stream = "stdout") {
    json body = {{"attempt", 1}, {"first", next}, {"lines", json::array()}};
    std::istringstream list(texts);
    for (std::string text; std::getline(list, text, ',');) {
      json line = {{"time", "2026-05-06T07:08:09Z"}, {"stream", stream}, {"text", text}};
      body["lines"].push_back(std::move(line));
    }
    auto request = read_append(body, "job/1");
    request.limit = 1LL << 40;
    const auto appended = co_await store->append_log(std::move(request));
    next = appended.next;
  }

 private:
  awaitable<void> change(store::Decision decision) {
    std::vector<store::Change> changes(1);
    changes[0].id = "job/1";
    changes[0].decide = [decision](const store::StoredDocument*) { return decision; };
    co_await store->change(std::move(changes));
  }
};

FollowRequest following(std::optional<std::int64_t> from = 0) {
  FollowRequest request;
  request.who = access::make_identity("user/jane", "", {"group/nuvla-user"}, "");
  request.query.job = "job/1";
  request.query.from = from;
  request.quiet = quiet;
  return request;
}

// The texts of all lines that were sent, in order, joined by commas.
std::string texts_of(const std::string& received) {
  std::string texts;
  for (auto at = received.find("data: "); at != std::string::npos;
       at = received.find("data: ", at + 1)) {
    const auto data = json::parse(received.substr(at + 6, received.find('\n', at) - at - 6));
    for (const auto& line : data.value("lines", json::array())) {
      texts += (texts.empty() ? "" : ",") + line.at("text").get<std::string>();
    }
  }
  return texts;
}

using Played = std::function<awaitable<void>(World&, runtime::TaskGroup&)>;
void play(const Played& body) {
  tests::run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
    World world;
    runtime::TaskGroup streams(loop.get_executor());
    co_await body(world, streams);
    co_await streams.join();
    CHECK(world.hub.subscriptions() == 0);
  });
}

}  // namespace

TEST_CASE("follower: everything so far, then what comes, also after the end of the job", "[logs]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    co_await world.put("RUNNING");
    co_await world.append("a,b");
    LogFollower follower(world.parts, following());
    const bool more = co_await follower.open();
    CHECK(more);
    PlayedClient client;
    streams.spawn(follower.run(client));
    auto text = co_await client.received("\"b\"");
    co_await world.append("c");
    co_await client.received("\"c\"");
    co_await world.append("d", "stderr");
    co_await client.received("\"d\"");
    co_await world.put("SUCCESS");
    co_await world.append("e", "engine");
    const auto last = runtime::Clock::now();
    co_await streams.join();
    CHECK(runtime::Clock::now() - last >= quiet);
    text = co_await client.received("event: end");
    CHECK(texts_of(text) == "a,b,c,d,e");
    CHECK(
        text.starts_with("retry: 2000\n\nid: 2\nevent: lines\ndata: {\"lines\":[{\"attempt\":1,"));
    CHECK(text.ends_with("id: 5\nevent: end\ndata: {\"reason\":\"final\",\"next\":5}\n\n"));
    CHECK(world.sent == PlayedClient::count(text, "event: "));
  });
}

TEST_CASE("follower: the log of a job long final ends at once; who has it all gets nothing",
          "[logs]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    co_await world.put("FAILED", "user/jane", "2026-05-06T07:08:09.000Z");
    co_await world.append("a,b");
    auto unhurried = following();
    unhurried.quiet = std::chrono::hours(1);
    LogFollower follower(world.parts, unhurried);
    co_await follower.open();
    PlayedClient client;
    streams.spawn(follower.run(client));
    co_await streams.join();
    const auto text = co_await client.received("event: end");
    CHECK(texts_of(text) == "a,b");
    auto resumed = following(2);
    resumed.resumed = true;
    LogFollower second(world.parts, resumed);
    auto more = co_await second.open();
    CHECK_FALSE(more);
    resumed.query.from = 1;
    LogFollower third(world.parts, resumed);
    more = co_await third.open();
    CHECK(more);
  });
}

TEST_CASE("follower: begins at a position, at the newest, or with one stream only", "[logs]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    co_await world.put("SUCCESS", "user/jane", "2026-05-06T07:08:09.000Z");
    co_await world.append("a,b,c");
    co_await world.append("x,y", "stderr");
    co_await world.append("d");
    auto newest = following(std::nullopt);
    newest.query.most_lines = 2;
    auto errors = following();
    errors.query.stream = store::LogStream::Stderr;
    LogFollower by_position(world.parts, following(2));
    LogFollower by_number(world.parts, newest);
    LogFollower by_stream(world.parts, errors);
    PlayedClient clients[3];
    LogFollower* const followers[] = {&by_position, &by_number, &by_stream};
    for (int i = 0; i < 3; ++i) {
      co_await followers[i]->open();
      streams.spawn(followers[i]->run(clients[i]));
    }
    co_await streams.join();
    std::vector<std::string> told;
    for (auto& client : clients) {
      const auto text = co_await client.received("event: end");
      told.push_back(texts_of(text));
    }
    CHECK(told == std::vector<std::string>{"c,x,y,d", "y,d", "x,y"});
  });
}

TEST_CASE("follower: a client that does not read gets all later, in pieces of bounded size",
          "[logs]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    co_await world.put("RUNNING");
    LogFollower follower(world.parts, following());
    co_await follower.open();
    PlayedClient client;
    client.stop_reading();
    streams.spawn(follower.run(client));
    constexpr int batches = 200;
    const std::string filler(2000, 'x');
    std::string expected;
    for (int batch = 0; batch < batches; ++batch) {
      std::string texts;
      for (int i = 0; i < 10; ++i) {
        texts += (i == 0 ? "" : ",") + std::to_string(batch * 10 + i) + filler;
      }
      expected += (batch == 0 ? "" : ",") + texts;
      co_await world.append(texts);
    }
    client.read_on();
    co_await client.received("\"1999xx");
    co_await world.put("SUCCESS");
    co_await streams.join();
    const auto text = co_await client.received("event: end");
    const bool all = texts_of(text) == expected;
    CHECK(all);
    CHECK(client.largest() < 200UL * 1024);
  });
}

TEST_CASE("follower: the end of the job's time, and of the right to see its log", "[logs]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    co_await world.put("RUNNING");
    co_await world.append("a");
    {
      LogFollower follower(world.parts, following());
      co_await follower.open();
      PlayedClient client;
      streams.spawn(follower.run(client));
      co_await client.received("\"a\"");
      co_await world.put("RUNNING", "user/joe");
      co_await streams.join();
      const auto text = co_await client.received("\"a\"");
      CHECK(text.find("event: end") == std::string::npos);
    }
    LogFollower refused(world.parts, following());
    int status = 0;
    try {
      co_await refused.open();
    } catch (const cimi::CimiError& error) {
      status = error.status;
    }
    CHECK(status == 403);
    co_await world.put("RUNNING");
    LogFollower follower(world.parts, following());
    co_await follower.open();
    PlayedClient client;
    streams.spawn(follower.run(client));
    co_await client.received("\"a\"");
    co_await world.remove();
    co_await streams.join();
    const auto text = co_await client.received("event: end");
    CHECK(text.ends_with("{\"reason\":\"deleted\",\"next\":1}\n\n"));
    LogFollower gone(world.parts, following());
    try {
      co_await gone.open();
    } catch (const cimi::CimiError& error) {
      status = error.status;
    }
    CHECK(status == 404);
  });
}

TEST_CASE("follower: a restless log is read on while the job goes on", "[logs]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    co_await world.put("RUNNING");
    LogFollower follower(world.parts, following());
    co_await follower.open();
    PlayedClient client;
    streams.spawn(follower.run(client));
    std::string expected;
    for (int i = 0; i < 300; ++i) {
      const auto text = std::to_string(i);
      expected += (i == 0 ? "" : ",") + text;
      co_await world.append(text);
      if (i % 50 == 0) co_await world.put("RUNNING");
    }
    co_await world.put("SUCCESS");
    co_await streams.join();
    const auto text = co_await client.received("event: end");
    CHECK(texts_of(text) == expected);
  });
}
