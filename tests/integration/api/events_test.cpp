// Events of a real job-api, seen by our client.
#include <catch2/catch.hpp>
#include <csignal>
#include <set>

#include "common/cimi/client.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/integration/api/wire.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;
using Kind = cimi::StreamStep::Kind;
using Body = std::function<awaitable<void>(asio::io_context&, cimi::Client&)>;

const ApiServerOptions trusting{{}, {"--trust-authn-header"}, {}};

void with_client(const ApiServer& server, const Body& body) {
  run_on_loop(
      [&](asio::io_context& loop) -> awaitable<void> {
        cimi::ClientOptions options;
        options.url = server.url();
        options.user = api_admin;
        options.password = api_password;
        const auto client = cimi::make_http_client(loop, options);
        co_await body(loop, *client);
      },
      std::chrono::seconds(120));
}

awaitable<std::string> new_job(cimi::Client& client) {
  json job = {{"action", "a"}};
  const auto added = co_await client.add("job", job);
  INFO(added.message);
  REQUIRE(added.ok());
  co_return added.location;
}

awaitable<void> edit(cimi::Client& client, std::string id, json changes) {
  const auto edited = co_await client.edit(id, changes);
  INFO(edited.message);
  REQUIRE(edited.ok());
}

awaitable<std::unique_ptr<cimi::EventStream>> opened(cimi::Client& client, std::string path,
                                                     std::string last_event_id) {
  auto events = co_await client.open_events(path, last_event_id);
  INFO(events.reply.message);
  REQUIRE(events.stream);
  co_return std::move(events.stream);
}

// "state QUEUED": the next event and the state it tells.
awaitable<std::string> told(cimi::EventStream& stream) {
  runtime::Event never;
  const auto step = co_await stream.next(never);
  if (step.kind == Kind::Ended) co_return "ended";
  if (step.kind == Kind::Broken) co_return "broken";
  const auto data = json::parse(step.event.data);
  co_return step.event.name +
      (data.contains("state") ? " " + data["state"].get<std::string>() : "");
}

std::string get(const std::string& path, const std::string& headers = {}) {
  return "GET /api/" + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
}
const std::string as_admin = "nuvla-authn-info: group/nuvla-admin\r\n";

}  // namespace

TEST_CASE("events: the states of a job as they come, and the end with the last", "[api]") {
  const ApiServer server;
  with_client(server, [](asio::io_context&, cimi::Client& client) -> awaitable<void> {
    const auto id = co_await new_job(client);
    const auto stream = co_await opened(client, id + "/events", "");
    std::vector<std::string> seen;
    seen.push_back(co_await told(*stream));
    json running = {{"state", "RUNNING"}};
    co_await edit(client, id, running);
    seen.push_back(co_await told(*stream));
    json half = {{"progress", 50}};
    co_await edit(client, id, half);
    seen.push_back(co_await told(*stream));
    json success = {{"state", "SUCCESS"}};
    co_await edit(client, id, success);
    seen.push_back(co_await told(*stream));
    seen.push_back(co_await told(*stream));
    const std::vector<std::string> expected = {"state QUEUED", "state RUNNING", "progress RUNNING",
                                               "state SUCCESS", "ended"};
    CHECK(seen == expected);
  });
}

TEST_CASE("events: a logout ends the session's streams", "[api]") {
  const ApiServer server;
  with_client(server, [&](asio::io_context& loop, cimi::Client& client) -> awaitable<void> {
    const auto id = co_await new_job(client);
    cimi::ClientOptions options;
    options.url = server.url();
    options.user = api_admin;
    options.password = api_password;
    const auto other = cimi::make_http_client(loop, options);
    const auto stream = co_await opened(*other, id + "/events", "");
    co_await told(*stream);
    cimi::Search search;
    const auto own = co_await other->search("session", search);
    REQUIRE(own.ok());
    REQUIRE_FALSE(own.document["resources"].empty());
    const auto session = own.document["resources"][0]["id"].get<std::string>();
    const auto removed = co_await other->remove(session);
    INFO(removed.message);
    CHECK(removed.ok());
    const auto end = co_await told(*stream);
    CHECK(end == "ended");
  });
}

TEST_CASE("events: a session that runs out takes its streams along", "[api]") {
  const ApiServer server({{}, {"--session-lifetime", "2s"}, {}});
  with_client(server, [](asio::io_context&, cimi::Client& client) -> awaitable<void> {
    const auto id = co_await new_job(client);
    const auto stream = co_await opened(client, id + "/events", "");
    co_await told(*stream);
    const auto begun = runtime::Clock::now();
    const auto end = co_await told(*stream);
    CHECK(end == "ended");
    CHECK(runtime::Clock::now() - begun < std::chrono::seconds(10));
  });
}

TEST_CASE("events: a stop of the server ends streams at once, a kill breaks them", "[api]") {
  ApiServer server;
  with_client(server, [&](asio::io_context&, cimi::Client& client) -> awaitable<void> {
    const auto id = co_await new_job(client);
    const auto one = co_await opened(client, id + "/events", "");
    const auto all = co_await opened(client, "events", "");
    co_await told(*one);
    co_await told(*all);
    const auto begun = runtime::Clock::now();
    CHECK(server.stop() == 0);
    CHECK(runtime::Clock::now() - begun < std::chrono::seconds(5));
    auto end = co_await told(*one);
    CHECK(end == "ended");
    end = co_await told(*all);
    CHECK(end == "ended");
    server.restart();
    const auto again = co_await opened(client, id + "/events", "");
    co_await told(*again);
    server.kill();
    end = co_await told(*again);
    CHECK(end == "broken");
  });
}

TEST_CASE("events: a server without them says so, and too many streams are refused", "[api]") {
  const ApiServer server({{}, {"--event-streams", "1"}, {}});
  with_client(server, [](asio::io_context&, cimi::Client& client) -> awaitable<void> {
    const auto id = co_await new_job(client);
    auto none = co_await client.open_events(id + "/no-such-thing", std::string());
    CHECK(none.reply.kind == cimi::ReplyKind::NotFound);
    auto stream = co_await opened(client, "events?filter=state%3D%27RUNNING%27", "");
    const auto ready = co_await told(*stream);
    CHECK(ready == "ready");
    auto refused = co_await client.open_events(id + "/events", std::string());
    CHECK(refused.reply.status == 503);
    json running = {{"state", "RUNNING"}};
    co_await edit(client, id, running);
    auto next = co_await told(*stream);
    CHECK(next == "state RUNNING");
    json failed = {{"state", "FAILED"}};
    co_await edit(client, id, failed);
    next = co_await told(*stream);
    CHECK(next == "left FAILED");
  });
}

TEST_CASE("events: who knows the end gets 204, who may not see gets 403", "[api]") {
  const ApiServer server(trusting);
  with_client(server, [&](asio::io_context&, cimi::Client& client) -> awaitable<void> {
    const auto id = co_await new_job(client);
    json failed = {{"state", "FAILED"}};
    co_await edit(client, id, failed);
    const auto job = co_await client.get(id);
    const auto revision = job.etag.substr(1, job.etag.size() - 2);
    const std::string close = "Connection: close\r\n";
    CHECK(converse(server.port(),
                   get(id + "/events", as_admin + close + "Last-Event-ID: " + revision + "\r\n"))
              .starts_with("HTTP/1.1 204 "));
    CHECK(converse(server.port(), get(id + "/events", close)).starts_with("HTTP/1.1 403 "));
    CHECK(converse(server.port(), get("events", close)).starts_with("HTTP/1.1 403 "));
    CHECK(converse(server.port(), get("job/none/events", as_admin + close))
              .starts_with("HTTP/1.1 404 "));
  });
}

TEST_CASE("events: a thousand clients wait for a job each", "[api]") {
  const ApiServer server({{}, {"--trust-authn-header", "--max-connections", "4000"}, {}});
  constexpr std::size_t clients = 1000;
  with_client(server, [&](asio::io_context&, cimi::Client& client) -> awaitable<void> {
    std::vector<std::string> ids;
    std::vector<std::unique_ptr<Wire>> wires;
    for (std::size_t i = 0; i < clients; ++i) {
      ids.push_back(co_await new_job(client));
      wires.push_back(std::make_unique<Wire>(server.port()));
      wires.back()->send(get(ids.back() + "/events", as_admin));
      wires.back()->read_until("QUEUED");
    }
    json failed = {{"state", "FAILED"}};
    for (std::size_t i = 0; i < clients; ++i) co_await edit(client, ids[i], failed);
    std::size_t told_of_own = 0;
    for (std::size_t i = 0; i < clients; ++i) {
      const auto text = wires[i]->read_all();
      const bool own = text.find(ids[i]) != std::string::npos;
      if (own && text.find("FAILED") != std::string::npos) ++told_of_own;
    }
    CHECK(told_of_own == clients);
  });
}

}  // namespace jobengine::tests
