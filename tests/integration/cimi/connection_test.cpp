#include <catch2/catch.hpp>

#include "common/runtime/event.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/integration/cimi/serving.hpp"

using namespace jobengine;
using namespace jobengine::cimi;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

HttpScripted fine(const HttpReceived&) {
  return answer(200, json::object());
}

awaitable<void> put_once(Client& client, int& answered) {
  const json changes = {{"progress", 50}};
  const Reply reply = co_await client.edit("job/1", changes);
  CAPTURE(reply.message);
  REQUIRE(reply.ok());
  ++answered;
}

awaitable<void> get_into(Client& client, Reply& reply, runtime::Event& ended) {
  reply = co_await client.get("job/1");
  ended.raise();
}

// Without an answer; given up soon.
awaitable<void> search_and_stop(Client& client, bool search) {
  Request request;
  request.method = search ? "PUT" : "POST";
  request.path = search ? "job" : "job/1/stop";
  request.content_type = "application/x-www-form-urlencoded";
  request.body = "last=1";
  request.deadline = runtime::Clock::now() + 2s;
  const Reply reply = co_await client.request(std::move(request));
  CHECK(reply.kind == ReplyKind::Unreachable);
}

int requests_with(const HttpServer& server, const std::string& method) {
  int count = 0;
  for (const auto& received : server.received()) count += received.method == method ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("connections: one is used for many requests", "[cimi]") {
  with_server(fine, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    for (int i = 0; i < 20; ++i) {
      const Reply reply = co_await client.get("job/1");
      REQUIRE(reply.ok());
    }
    // One goes back a moment after its answer; meanwhile a second may be opened.
    REQUIRE(server.connections() < 10);
  });
}

TEST_CASE("connections: a write finds out that the server has closed the idle connection",
          "[cimi]") {
  const auto script = [](const HttpReceived&) { return behave(Manner::AnswerAndClose); };
  with_server(script, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    for (int i = 0; i < 20; ++i) {
      const json changes = {{"progress", i}};
      const Reply reply = co_await client.edit("job/1", changes);
      CAPTURE(i, reply.message);
      REQUIRE(reply.ok());
    }
    REQUIRE(requests_with(server, "PUT") == 20);
  });
}

TEST_CASE("connections: many idle ones closed together cost no request", "[cimi]") {
  with_server(fine, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    auto loop = co_await asio::this_coro::executor;
    runtime::TaskGroup tasks(loop);
    int answered = 0;
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 32; ++i) tasks.spawn(put_once(client, answered));
      co_await tasks.join();
      server.close_connections();
    }
    REQUIRE(answered == 96);
    // Alone, a write has to find its way past all of them.
    const json changes = {{"progress", 60}};
    const Reply reply = co_await client.edit("job/1", changes);
    CAPTURE(reply.message);
    REQUIRE(reply.ok());
    REQUIRE(requests_with(server, "PUT") == 97);
  });
}

TEST_CASE("connections: a read is repeated once when its connection broke", "[cimi]") {
  static int asked;
  asked = 0;
  const auto script = [](const HttpReceived&) {
    return ++asked == 1 ? behave(Manner::Drop) : answer(200, json::object());
  };
  with_server(script, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    const Reply first = co_await client.get("job/1");
    REQUIRE(first.ok());
    REQUIRE(server.received().size() == 2);
  });
}

TEST_CASE("connections: a POST that got no answer is not sent again", "[cimi]") {
  static bool drop;
  drop = false;
  const auto script = [](const HttpReceived&) {
    return behave(drop ? Manner::Drop : Manner::Answer);
  };
  with_server(script, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    // There is a connection that could be used again.
    const Reply first = co_await client.get("job/1");
    REQUIRE(first.ok());
    const Reply second = co_await client.add("job", json::object());
    REQUIRE(second.ok());
    drop = true;
    const Reply reply = co_await client.add("job", json::object());
    REQUIRE(reply.kind == ReplyKind::Unreachable);
    REQUIRE(requests_with(server, "POST") == 2);
  });
}

TEST_CASE("connections: an answer that is cut off is none", "[cimi]") {
  const auto script = [](const HttpReceived&) { return behave(Manner::CutOff); };
  with_server(script, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    const Reply reply = co_await client.add("job", json::object());
    REQUIRE(reply.kind == ReplyKind::Unreachable);
    REQUIRE(server.received().size() == 1);
  });
}

TEST_CASE("connections: the deadline covers everything", "[cimi]") {
  const auto script = [](const HttpReceived&) { return behave(Manner::Hold); };
  ClientOptions options;
  options.timeout = 300ms;
  with_server(script, options, [](HttpServer& server, Client& client) -> awaitable<void> {
    const auto start = runtime::Clock::now();
    const Reply by_default = co_await client.get("job/1");
    REQUIRE(by_default.kind == ReplyKind::Unreachable);
    REQUIRE_THAT(by_default.message, Catch::EndsWith(": no answer in time"));
    Request request;
    request.method = "PUT";
    request.path = "job/1";
    request.deadline = runtime::Clock::now() + 100ms;
    const Reply by_request = co_await client.request(std::move(request));
    REQUIRE(by_request.kind == ReplyKind::Unreachable);
    REQUIRE(runtime::Clock::now() - start >= 400ms);
    REQUIRE(runtime::Clock::now() - start < 20s);
    REQUIRE(requests_with(server, "PUT") == 1);
  });
}

TEST_CASE("connections: a POST uses a kept one, and finds out that the server has closed it",
          "[cimi]") {
  with_server(fine, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    for (int i = 0; i < 20; ++i) {
      const Reply reply = co_await client.add("job", json::object());
      REQUIRE(reply.ok());
    }
    CHECK(server.connections() == 1);
    server.close_connections();
    const Reply reply = co_await client.add("job", json::object());
    CAPTURE(reply.message);
    CHECK(reply.ok());
    CHECK(requests_with(server, "POST") == 21);
  });
}

TEST_CASE("connections: there are no more than requests may be under way", "[cimi]") {
  const auto script = [](const HttpReceived&) {
    HttpScripted scripted = answer(200, json::object());
    scripted.delay = 5ms;
    return scripted;
  };
  with_server(script, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    auto loop = co_await asio::this_coro::executor;
    runtime::TaskGroup tasks(loop);
    int answered = 0;
    for (int i = 0; i < 300; ++i) tasks.spawn(put_once(client, answered));
    co_await tasks.join();
    CHECK(answered == 300);
    CHECK(server.connections() <= 32);
  });
}

TEST_CASE("connections: a state is written while searches and operations take their time",
          "[cimi]") {
  const auto script = [](const HttpReceived& received) {
    const bool is_edit =
        received.method == "PUT" && received.header("content-type") == "application/json";
    return behave(is_edit ? Manner::Answer : Manner::Hold);
  };
  with_server(script, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    auto loop = co_await asio::this_coro::executor;
    runtime::TaskGroup tasks(loop);
    for (int i = 0; i < 100; ++i) tasks.spawn(search_and_stop(client, i % 2 == 0));
    const bool full = co_await eventually([&server] { return server.received().size() == 32; });
    REQUIRE(full);
    const json changes = {{"state", "SUCCESS"}};
    Request edit;
    edit.method = "PUT";
    edit.path = "job/1";
    edit.body = changes.dump();
    const Reply reply = co_await client.request(std::move(edit));
    CAPTURE(reply.message);
    CHECK(reply.ok());
    CHECK(server.received().size() == 33);
    // Each that is given up makes room for the next one.
    co_await tasks.join();
  });
}

TEST_CASE("connections: nobody listens", "[cimi]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    std::string url;
    {
      HttpServer server(loop, fine);
      url = server.url();
      co_await server.stop();
    }
    ClientOptions options;
    options.url = url;
    auto client = make_http_client(loop, options);
    const Reply reply = co_await client->get("job/1");
    REQUIRE(reply.kind == ReplyKind::Unreachable);
    REQUIRE(reply.status == 0);
    REQUIRE_THAT(reply.message, Catch::StartsWith("GET " + url + "/api/job/1: Failed to connect"));
  });
}

TEST_CASE("connections: a client destroyed with requests under way ends them", "[cimi]") {
  const auto script = [](const HttpReceived&) { return behave(Manner::Hold); };
  run_on_loop([script](asio::io_context& loop) -> awaitable<void> {
    HttpServer server(loop, script);
    ClientOptions options;
    options.url = server.url();
    auto client = make_http_client(loop, options);
    runtime::TaskGroup tasks(loop.get_executor());
    Reply reply;
    runtime::Event ended;
    tasks.spawn(get_into(*client, reply, ended));
    const bool arrived = co_await eventually([&server] { return server.received().size() == 1; });
    REQUIRE(arrived);
    client.reset();
    co_await tasks.join();
    REQUIRE(ended.raised());
    REQUIRE(reply.kind == ReplyKind::Unreachable);
    co_await server.stop();
  });
}

TEST_CASE("connections: a loop that ends with requests under way leaves nothing behind", "[cimi]") {
  for (int i = 0; i < 20; ++i) {
    asio::io_context loop(1);
    HttpServer server(loop, [](const HttpReceived&) { return behave(Manner::Hold); });
    ClientOptions options;
    options.url = server.url();
    auto client = make_http_client(loop, options);
    Reply reply;
    runtime::Event ended;
    asio::co_spawn(loop, get_into(*client, reply, ended), [](std::exception_ptr) {});
    while (server.received().empty()) loop.run_one();
    client.reset();
    asio::co_spawn(loop, server.stop(), [](std::exception_ptr) {});
    loop.run();
  }
}

TEST_CASE("connections: 500 requests at once are all answered", "[cimi]") {
  const auto script = [](const HttpReceived&) {
    HttpScripted scripted = answer(200, json::object());
    scripted.delay = 20ms;
    return scripted;
  };
  with_server(script, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    auto loop = co_await asio::this_coro::executor;
    runtime::TaskGroup tasks(loop);
    int answered = 0;
    for (int i = 0; i < 500; ++i) tasks.spawn(put_once(client, answered));
    co_await tasks.join();
    REQUIRE(answered == 500);
    REQUIRE(server.received().size() == 500);
  });
}
