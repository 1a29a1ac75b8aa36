#include "common/telemetry/status_server.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <list>

#include "common/runtime/failure.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::telemetry;
using namespace jobengine::tests;
using asio::ip::tcp;
using Catch::Contains;
using Catch::StartsWith;

namespace {

tcp::endpoint endpoint_of(const StatusServer& server) {
  return {asio::ip::make_address("127.0.0.1"), server.port()};
}

// Sends `text` and returns all that comes until the server closes.
awaitable<std::string> converse(tcp::endpoint endpoint, std::string text) {
  auto loop = co_await asio::this_coro::executor;
  tcp::socket socket(loop);
  boost::system::error_code failure;
  auto token = asio::redirect_error(use_awaitable, failure);
  co_await socket.async_connect(endpoint, token);
  const auto bytes = asio::buffer(text);
  co_await asio::async_write(socket, bytes, token);
  std::string answer;
  auto buffer = asio::dynamic_buffer(answer);
  co_await asio::async_read(socket, buffer, token);
  co_return answer;
}

awaitable<std::string> ask(const StatusServer& server, std::string method, std::string target) {
  std::string text = method + " " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  return converse(endpoint_of(server), std::move(text));
}

}  // namespace

TEST_CASE("status server: health, readiness and metrics", "[telemetry]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Metrics metrics;
    metrics.counter("jobengine_things_total", "Things.").add(3);
    std::string reason = "no session with ZooKeeper";
    StatusServer server(loop, {}, metrics, [&reason] { return reason; });
    const std::string health = co_await ask(server, "GET", "/healthz");
    REQUIRE_THAT(health, StartsWith("HTTP/1.1 200 ") && Catch::EndsWith("\r\n\r\nok\n"));
    const std::string not_ready = co_await ask(server, "GET", "/readyz");
    REQUIRE_THAT(not_ready, StartsWith("HTTP/1.1 503 ") && Contains("no session with ZooKeeper"));
    reason.clear();
    const std::string ready = co_await ask(server, "GET", "/readyz?verbose");
    REQUIRE_THAT(ready, StartsWith("HTTP/1.1 200 ") && Contains("ready"));
    const std::string numbers = co_await ask(server, "GET", "/metrics");
    REQUIRE_THAT(numbers, StartsWith("HTTP/1.1 200 ") && Contains("version=0.0.4") &&
                              Contains("jobengine_things_total 3") &&
                              Contains("process_resident_memory_bytes "));
    co_await server.stop();
  });
}

TEST_CASE("status server: a program may add a page of its own", "[telemetry]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Metrics metrics;
    StatusServer server(loop, {}, metrics, nullptr);
    const std::string before = co_await ask(server, "GET", "/things");
    REQUIRE_THAT(before, StartsWith("HTTP/1.1 404 "));
    int asked = 0;
    server.add_page("/things", [&asked] { return "{\"asked\": " + std::to_string(++asked) + "}"; });
    const std::string page = co_await ask(server, "GET", "/things");
    REQUIRE_THAT(page, StartsWith("HTTP/1.1 200 ") && Contains("application/json") &&
                           Catch::EndsWith("{\"asked\": 1}"));
    const std::string other = co_await ask(server, "GET", "/");
    REQUIRE_THAT(other, StartsWith("HTTP/1.1 404 ") && Contains("/things"));
    co_await server.stop();
  });
}

TEST_CASE("status server: HEAD gets the length and no body", "[telemetry]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Metrics metrics;
    StatusServer server(loop, {}, metrics, nullptr);
    const std::string head = co_await ask(server, "HEAD", "/healthz");
    REQUIRE_THAT(head, Contains("Content-Length: 3\r\n") && Catch::EndsWith("\r\n\r\n"));
    co_await server.stop();
  });
}

TEST_CASE("status server: what is not served is refused", "[telemetry]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Metrics metrics;
    StatusServer server(loop, {}, metrics, nullptr);
    const std::string missing = co_await ask(server, "GET", "/");
    REQUIRE_THAT(missing, StartsWith("HTTP/1.1 404 "));
    const std::string posted = co_await ask(server, "POST", "/metrics");
    REQUIRE_THAT(posted, StartsWith("HTTP/1.1 405 ") && Contains("Allow: GET, HEAD"));
    const std::string garbage = co_await converse(endpoint_of(server), "hello\r\n\r\n");
    REQUIRE_THAT(garbage, StartsWith("HTTP/1.1 400 "));
    const std::string long_header = "GET /healthz HTTP/1.1\r\nX: " + std::string(9000, 'x');
    const std::string too_long = co_await converse(endpoint_of(server), long_header);
    REQUIRE_THAT(too_long, StartsWith("HTTP/1.1 431 "));
    co_await server.stop();
  });
}

TEST_CASE("status server: several requests share a connection", "[telemetry]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Metrics metrics;
    StatusServer server(loop, {}, metrics, nullptr);
    const std::string text =
        "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\nConnection: "
        "close\r\n\r\n";
    const std::string answers = co_await converse(endpoint_of(server), text);
    REQUIRE_THAT(answers, Contains("ok\n") && Contains("ready\n"));
    co_await server.stop();
  });
}

TEST_CASE("status server: idle connections do not keep a probe out", "[telemetry]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Metrics metrics;
    StatusServer server(loop, {}, metrics, nullptr);
    std::list<tcp::socket> idle;
    for (int i = 0; i < 100; ++i) {
      idle.emplace_back(loop);
      idle.back().connect(endpoint_of(server));
    }
    const std::string health = co_await ask(server, "GET", "/healthz");
    REQUIRE_THAT(health, StartsWith("HTTP/1.1 200 "));
    co_await server.stop();
  });
}

TEST_CASE("status server: a port in use is named with the reason", "[telemetry]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    Metrics metrics;
    StatusServer server(loop, {}, metrics, nullptr);
    StatusServerOptions options;
    options.port = server.port();
    const std::string expected = "cannot serve telemetry on address 127.0.0.1 port " +
                                 std::to_string(server.port()) + ": Address already in use";
    REQUIRE_THROWS_WITH(StatusServer(loop, options, metrics, nullptr), expected);
    options.address = "nowhere";
    REQUIRE_THROWS_AS(StatusServer(loop, options, metrics, nullptr), runtime::Failure);
    co_await server.stop();
  });
}
