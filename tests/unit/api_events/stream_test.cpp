// Streams on a real store, sent to a client that is played by the test.
#include <catch2/catch.hpp>

#include "api/cimi/job_collection.hpp"
#include "api/events/filter_stream.hpp"
#include "api/events/resource_stream.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/api_events/played_client.hpp"

using namespace jobengine;
using namespace jobengine::api;
using namespace jobengine::api::events;
using nlohmann::json;
using tests::PlayedClient;

namespace {

struct World {
  tests::TemporaryDirectory folder;
  Hub hub;
  std::unique_ptr<store::Store> store =
      store::open_sqlite_store((folder.path() / "jobs.db").string());
  cimi::GenericTypes types;
  cimi::JobCollection jobs{*store, [] {}, types};
  bool session_holds = true;
  std::size_t sent = 0;
  StreamWorld parts{hub, *store,
                    [this](const access::Identity&) -> awaitable<bool> { co_return session_holds; },
                    [this](std::size_t count) { sent += count; }, StreamOptions()};
  World() { store->observe(hub.observer()); }

  awaitable<void> put(json document) {
    std::vector<store::Change> changes(1);
    changes[0].id = document["id"].get<std::string>();
    changes[0].decide = [document](const store::StoredDocument* current) {
      store::Decision decision;
      decision.kind = store::Decision::Kind::Put;
      decision.document = current != nullptr ? current->document : json::object();
      decision.document.update(document);
      return decision;
    };
    co_await store->change(std::move(changes));
  }
  awaitable<void> remove(std::string id) {
    std::vector<store::Change> changes(1);
    changes[0].id = id;
    changes[0].decide = [](const store::StoredDocument*) {
      store::Decision decision;
      decision.kind = store::Decision::Kind::Remove;
      return decision;
    };
    co_await store->change(std::move(changes));
  }
};

json job(const std::string& id, const std::string& state, const std::string& owner = "user/jane") {
  return {{"id", id},
          {"resource-type", "job"},
          {"action", "a"},
          {"state", state},
          {"created", "2024-01-01T00:00:00.000Z"},
          {"acl", access::acl_owned_by(owner)}};
}

access::Identity jane() {
  return access::make_identity("user/jane", "", {"group/nuvla-user"}, "");
}

ResourceStreamRequest of_job(const std::string& id) {
  ResourceStreamRequest request;
  request.id = id;
  request.who = jane();
  request.attributes = usual_attributes();
  return request;
}

FilterStreamRequest matching(const std::string& filter) {
  FilterStreamRequest request;
  request.who = jane();
  request.attributes = usual_attributes();
  if (!filter.empty()) request.filter = filter::parse(filter);
  return request;
}

// Two coroutines on one loop: the stream, and the test that plays the client and the writers. The
// body joins its streams before what they use ends with it.
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

TEST_CASE("stream: the present state first, then each change, until the job is final", "[events]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    co_await world.put(job("job/1", "QUEUED"));
    ResourceStream stream(world.parts, world.jobs, of_job("job/1"));
    const bool more = co_await stream.open();
    CHECK(more);
    PlayedClient client;
    streams.spawn(stream.run(client));
    auto text = co_await client.received("QUEUED");
    CHECK(text.starts_with("retry: 2000\n\nid: "));
    json running = {{"id", "job/1"}, {"state", "RUNNING"}};
    co_await world.put(running);
    co_await client.received("RUNNING");
    json progress = {{"id", "job/1"}, {"progress", 42}, {"status-message", "going"}};
    co_await world.put(progress);
    co_await client.received("event: progress");
    json message = {{"id", "job/1"}, {"status-message", "on"}};
    co_await world.put(message);
    co_await client.received("event: message");
    json nothing = {{"id", "job/1"}, {"updated", "2024-01-01T00:00:00.000Z"}};
    co_await world.put(nothing);
    json done = {{"id", "job/1"}, {"state", "SUCCESS"}};
    co_await world.put(done);
    co_await streams.join();
    text = co_await client.received("SUCCESS");
    CHECK(PlayedClient::count(text, "event: ") == 5);
    CHECK(PlayedClient::count(text, "event: state") == 3);
    CHECK(text.find("\"acl\"") == std::string::npos);
    CHECK(world.sent == 5);
  });
}

TEST_CASE("stream: one of a final job ends at once; who knows the end gets nothing", "[events]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    co_await world.put(job("job/1", "SUCCESS"));
    ResourceStream stream(world.parts, world.jobs, of_job("job/1"));
    const bool more = co_await stream.open();
    CHECK(more);
    PlayedClient client;
    streams.spawn(stream.run(client));
    co_await streams.join();
    const auto text = co_await client.received("SUCCESS");
    const auto at = text.find("id: ") + 4;
    auto again = of_job("job/1");
    again.last_event_id = text.substr(at, text.find('\n', at) - at);
    ResourceStream second(world.parts, world.jobs, again);
    const bool still_more = co_await second.open();
    CHECK_FALSE(still_more);
  });
}

TEST_CASE("stream: who resumes gets the present state if it is another, and nothing twice",
          "[events]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    co_await world.put(job("job/1", "QUEUED"));
    const auto stored = co_await world.store->get("job/1");
    auto request = of_job("job/1");
    request.last_event_id = std::to_string(stored->revision);
    ResourceStream same(world.parts, world.jobs, request);
    co_await same.open();
    request.last_event_id = "0";
    ResourceStream other(world.parts, world.jobs, request);
    co_await other.open();
    PlayedClient knows;
    PlayedClient missed;
    streams.spawn(same.run(knows));
    streams.spawn(other.run(missed));
    co_await missed.received("QUEUED");
    json done = {{"id", "job/1"}, {"state", "FAILED"}};
    co_await world.put(done);
    co_await streams.join();
    const auto known = co_await knows.received("FAILED");
    CHECK(known.find("QUEUED") == std::string::npos);
    CHECK(PlayedClient::count(known, "event: ") == 1);
  });
}

TEST_CASE("stream: it ends with the resource, with the right and with the session", "[events]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    const std::vector<std::string> ids = {"job/1", "job/2", "job/3"};
    for (const auto& id : ids) co_await world.put(job(id, "RUNNING"));
    ResourceStream removed(world.parts, world.jobs, of_job("job/1"));
    co_await removed.open();
    ResourceStream hidden(world.parts, world.jobs, of_job("job/2"));
    co_await hidden.open();
    auto with_session = of_job("job/3");
    with_session.who.session = "session/1";
    with_session.who.expiry = 4'000'000'000;
    ResourceStream logged_out(world.parts, world.jobs, with_session);
    co_await logged_out.open();
    PlayedClient first;
    PlayedClient second;
    PlayedClient third;
    streams.spawn(removed.run(first));
    streams.spawn(hidden.run(second));
    streams.spawn(logged_out.run(third));
    co_await third.received("RUNNING");
    co_await world.remove("job/1");
    json other_owner = job("job/2", "FAILED", "user/joe");
    co_await world.put(other_owner);
    json session = {{"id", "session/1"}, {"acl", access::acl_owned_by("session/1")}};
    world.session_holds = false;
    co_await world.put(session);
    co_await streams.join();
    auto text = co_await first.received("event: deleted");
    CHECK(text.find("event: deleted\ndata: {\"id\":\"job/1\"}\n\n") != std::string::npos);
    text = co_await second.received("RUNNING");
    CHECK(text.find("FAILED") == std::string::npos);
  });
}

TEST_CASE("stream: 404 and 403 as for the resource itself", "[events]") {
  play([](World& world, runtime::TaskGroup&) -> awaitable<void> {
    co_await world.put(job("job/1", "RUNNING", "user/joe"));
    for (const auto& [id, status] : std::map<std::string, int>{{"job/0", 404}, {"job/1", 403}}) {
      ResourceStream stream(world.parts, world.jobs, of_job(id));
      int refused = 0;
      try {
        co_await stream.open();
      } catch (const cimi::CimiError& error) {
        refused = error.status;
      }
      CHECK(refused == status);
    }
  });
}

TEST_CASE("stream: a client that does not read gets the newest state, not a queue", "[events]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    co_await world.put(job("job/1", "RUNNING"));
    ResourceStream stream(world.parts, world.jobs, of_job("job/1"));
    co_await stream.open();
    PlayedClient client;
    client.stop_reading();
    streams.spawn(stream.run(client));
    for (int i = 0; i < 500; ++i) {
      json progress = {{"id", "job/1"}, {"progress", i}};
      co_await world.put(progress);
    }
    client.read_on();
    json done = {{"id", "job/1"}, {"state", "SUCCESS"}};
    co_await world.put(done);
    co_await streams.join();
    const auto text = co_await client.received("SUCCESS");
    CHECK(PlayedClient::count(text, "event: ") <= 4);
  });
}

TEST_CASE("stream: nothing happens, and the client learns that it is still served", "[events]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    world.parts.options.heartbeat = std::chrono::milliseconds(20);
    co_await world.put(job("job/1", "RUNNING"));
    ResourceStream stream(world.parts, world.jobs, of_job("job/1"));
    co_await stream.open();
    PlayedClient client;
    streams.spawn(stream.run(client));
    const auto text = co_await client.received(": nothing new\n\n", 3);
    CHECK(PlayedClient::count(text, ": nothing new\n\n") >= 3);
    client.over().raise();
    co_await streams.join();
  });
}

TEST_CASE("stream: by filter, what matches, what leaves, what goes", "[events]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    co_await world.put(job("job/old", "RUNNING"));
    co_await world.put(job("job/joes", "RUNNING", "user/joe"));
    FilterStream stream(world.parts, world.jobs, matching("state='RUNNING'"));
    co_await stream.open();
    PlayedClient client;
    streams.spawn(stream.run(client));
    auto text = co_await client.received("event: ready");
    CHECK(text.find("data: {\"count\":1,\"shown\":0}") != std::string::npos);
    json joes = {{"id", "job/joes"}, {"progress", 1}};
    co_await world.put(joes);
    co_await world.put(job("job/new", "QUEUED"));
    json running = {{"id", "job/new"}, {"state", "RUNNING"}};
    co_await world.put(running);
    co_await client.received("event: state");
    json progress = {{"id", "job/new"}, {"progress", 5}};
    co_await world.put(progress);
    co_await client.received("event: progress");
    json done = {{"id", "job/old"}, {"state", "SUCCESS"}};
    co_await world.put(done);
    text = co_await client.received("event: left");
    CHECK(text.find(R"(event: left
data: {"action":"a","id":"job/old",)") != std::string::npos);
    json hidden = job("job/new", "RUNNING", "user/joe");
    co_await world.put(hidden);
    co_await client.received("event: left\ndata: {\"id\":\"job/new\"}");
    co_await world.put(job("job/new", "RUNNING"));
    co_await client.received("event: state", 2);
    co_await world.remove("job/new");
    text = co_await client.received("event: deleted\ndata: {\"id\":\"job/new\"}");
    CHECK(text.find("job/joes") == std::string::npos);
    CHECK(PlayedClient::count(text, "event: ") == 7);
    client.over().raise();
    co_await streams.join();
  });
}

TEST_CASE("stream: by filter with a snapshot, which a client that comes back gets anew",
          "[events]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    for (int i = 0; i < 3; ++i) co_await world.put(job("job/" + std::to_string(i), "RUNNING"));
    auto request = matching("");
    request.snapshot = true;
    request.resumed = true;
    world.parts.options.most_snapshot_rows = 2;
    FilterStream stream(world.parts, world.jobs, request);
    co_await stream.open();
    PlayedClient client;
    streams.spawn(stream.run(client));
    const auto text = co_await client.received("event: ready");
    CHECK(text.find("event: reset") < text.find("event: state"));
    CHECK(PlayedClient::count(text, "event: state") == 2);
    CHECK(text.find("data: {\"count\":3,\"shown\":2}") != std::string::npos);
    client.over().raise();
    co_await streams.join();
  });
}

TEST_CASE("stream: a client that is too far behind is told so and begins again", "[events]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    world.parts.options.most_backlog_bytes = 2000;
    auto request = matching("state='RUNNING'");
    request.snapshot = true;
    FilterStream stream(world.parts, world.jobs, request);
    co_await stream.open();
    PlayedClient client;
    streams.spawn(stream.run(client));
    co_await client.received("event: ready");
    client.stop_reading();
    for (int i = 0; i < 100; ++i) co_await world.put(job("job/" + std::to_string(i), "RUNNING"));
    client.read_on();
    co_await client.received("event: ready", 2);
    co_await world.put(job("job/last", "RUNNING"));
    const auto text = co_await client.received("job/last");
    const auto reset = text.find("event: reset");
    REQUIRE(reset != std::string::npos);
    CHECK(PlayedClient::count(text.substr(reset), "event: state") == 101);
    CHECK(text.substr(0, reset).size() < 4000);
    client.over().raise();
    co_await streams.join();
  });
}

TEST_CASE("stream: a filter sees of a document what the client is shown", "[events]") {
  play([](World& world, runtime::TaskGroup& streams) -> awaitable<void> {
    FilterStream stream(world.parts, world.jobs, matching("payload='secret' or state='FAILED'"));
    co_await stream.open();
    PlayedClient client;
    streams.spawn(stream.run(client));
    auto meta_only = job("job/1", "RUNNING", "user/joe");
    meta_only["acl"]["view-meta"].push_back("user/jane");
    meta_only["payload"] = "secret";
    co_await world.put(meta_only);
    co_await world.put(job("job/2", "FAILED"));
    const auto text = co_await client.received("job/2");
    CHECK(text.find("job/1") == std::string::npos);
    client.over().raise();
    co_await streams.join();
  });
}

TEST_CASE("stream: a filter that would cost every commit too much is refused", "[events]") {
  play([](World& world, runtime::TaskGroup&) -> awaitable<void> {
    std::string filter = "a=1";
    for (int i = 0; i < 300; ++i) filter += " or a=1";
    FilterStream stream(world.parts, world.jobs, matching(filter));
    int refused = 0;
    try {
      co_await stream.open();
    } catch (const cimi::CimiError& error) {
      refused = error.status;
    }
    CHECK(refused == 400);
  });
}
