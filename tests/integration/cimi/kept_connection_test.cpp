// What is sent again when a kept connection turns out to be gone, and what is not.
#include <catch2/catch.hpp>

#include "common/runtime/event.hpp"
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

Request request_of(const char* method) {
  Request request;
  request.method = method;
  request.path = "job/1";
  if (request.method == "PUT" || request.method == "POST") request.body = "{}";
  return request;
}

// The connections on which requests of a method came.
std::vector<int> used_for(const HttpServer& server, const std::string& method) {
  std::vector<int> used;
  for (const auto& received : server.received()) {
    if (received.method == method) used.push_back(received.connection);
  }
  return used;
}

// Of every connection the second request is read, and gets no answer.
HttpServer::Script drop_second() {
  const auto requests = std::make_shared<std::map<int, int>>();
  return [requests](const HttpReceived& received) {
    const int number = ++(*requests)[received.connection];
    return number == 2 ? behave(Manner::Drop) : answer(200, json::object());
  };
}

}  // namespace

TEST_CASE("kept connections: a server that closes one as it is asked is asked again, on a new one",
          "[cimi]") {
  with_server(drop_second(), {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    for (const char* method : {"GET", "PUT", "DELETE"}) {
      server.close_connections();
      const int opened = server.connections() + 1;
      for (int i = 0; i < 2; ++i) {
        Request request = request_of(method);
        const Reply reply = co_await client.request(std::move(request));
        CAPTURE(method, i, reply.message);
        CHECK(reply.ok());
      }
      CHECK(used_for(server, method) == std::vector<int>{opened, opened, opened + 1});
    }
  });
}

TEST_CASE("kept connections: a POST that was read is not sent again", "[cimi]") {
  with_server(drop_second(), {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    Request first = request_of("POST");
    const Reply one = co_await client.request(std::move(first));
    REQUIRE(one.ok());
    Request second = request_of("POST");
    const Reply two = co_await client.request(std::move(second));
    CHECK(two.kind == ReplyKind::Unreachable);
    CHECK(used_for(server, "POST") == std::vector<int>{1, 1});
    // The connection is not used any more.
    Request third = request_of("POST");
    const Reply three = co_await client.request(std::move(third));
    CHECK(three.ok());
    CHECK(used_for(server, "POST") == std::vector<int>{1, 1, 2});
  });
}

TEST_CASE("kept connections: what was answered in part is not asked again by itself", "[cimi]") {
  static int asked;
  asked = 0;
  const auto script = [](const HttpReceived&) {
    return ++asked == 2 ? behave(Manner::CutOff) : answer(200, json::object());
  };
  with_server(script, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    for (int i = 0; i < 2; ++i) {
      Request request = request_of("PUT");
      const Reply reply = co_await client.request(std::move(request));
      CHECK(reply.ok() == (i == 0));
    }
    CHECK(used_for(server, "PUT") == std::vector<int>{1, 1});
  });
}

TEST_CASE("kept connections: a POST does not use one that was idle for more than a second",
          "[cimi]") {
  with_server(fine, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    auto loop = co_await asio::this_coro::executor;
    auto& context = static_cast<asio::io_context&>(loop.context());
    ClientOptions options;
    options.url = server.url();
    const auto reader = make_http_client(context, options);
    for (int i = 0; i < 2; ++i) {
      const Reply added = co_await client.add("job", json::object());
      REQUIRE(added.ok());
      const Reply read = co_await reader->get("job/1");
      REQUIRE(read.ok());
    }
    CHECK(used_for(server, "POST") == std::vector<int>{1, 1});
    CHECK(used_for(server, "GET") == std::vector<int>{2, 2});
    // The promise is about this time: there is nothing else to wait for.
    runtime::Event never;
    co_await never.wait_for(1050ms);
    const Reply added = co_await client.add("job", json::object());
    REQUIRE(added.ok());
    const Reply read = co_await reader->get("job/1");
    REQUIRE(read.ok());
    CHECK(used_for(server, "POST") == std::vector<int>{1, 1, 3});
    CHECK(used_for(server, "GET") == std::vector<int>{2, 2, 2});
  });
}
