// Answers that are sent while they come into being.
#include <atomic>
#include <catch2/catch.hpp>
#include <optional>

#include "api/http/listener.hpp"
#include "common/runtime/event_loop.hpp"
#include "common/runtime/failure.hpp"
#include "tests/integration/api/wire.hpp"

namespace jobengine::api::http {
namespace {

using tests::converse;
using tests::Wire;

struct Seen {
  std::atomic<int> waiting{0};
  std::atomic<int> ended{0};          // streams whose coroutine has come to its end
  std::atomic<std::size_t> taken{0};  // bytes of a flood that send() accepted
};

constexpr auto long_time = std::chrono::seconds(60);
const std::string piece(64 * 1024, 'x');

awaitable<void> wait_until_over(BodyStream& body, Seen* seen) {
  co_await body.send("begun");
  ++seen->waiting;
  const bool over = co_await body.over().wait_for(long_time);
  const bool sent = co_await body.send("too late");
  if (over && !sent) ++seen->ended;
}

awaitable<void> flood(BodyStream& body, Seen* seen) {
  bool going_on = true;
  while (going_on) {
    ++seen->waiting;
    std::string bytes = piece;
    going_on = co_await body.send(std::move(bytes));
    if (going_on) seen->taken += piece.size();
  }
  if (body.over().raised()) ++seen->ended;
}

awaitable<void> three_pieces(BodyStream& body) {
  co_await body.send("one ");
  co_await body.send("");
  std::string big = piece;
  co_await body.send(std::move(big));
  co_await body.send(" three");
}

awaitable<void> break_off(BodyStream& body) {
  co_await body.send("half");
  throw runtime::Failure("told to break off");
}

awaitable<Response> streaming(Request request, Seen* seen) {
  Response response;
  response.content_type = "text/plain";
  if (request.target == "/wait") {
    response.stream = [seen](BodyStream& body) { return wait_until_over(body, seen); };
  } else if (request.target == "/flood") {
    response.stream = [seen](BodyStream& body) { return flood(body, seen); };
  } else if (request.target == "/three") {
    response.stream = three_pieces;
  } else if (request.target == "/broken") {
    response.stream = break_off;
  } else {
    response.body = request.peer;
  }
  co_return response;
}

struct Server {
  runtime::EventLoop loop;
  Seen seen;
  std::optional<Listener> listener;

  explicit Server(ListenerOptions options = {}) {
    auto handler = [this](Request request) { return streaming(std::move(request), &seen); };
    listener.emplace(loop.context(), options, handler);
  }
  ~Server() { stop(long_time); }
  std::uint16_t port() const { return listener->port(); }
  void stop(runtime::Duration grace) { loop.run(listener->stop(grace)); }
};

// Other requests are answered until that many streams have ended.
void serve_others_until_ended(Server& server, int streams) {
  const auto deadline = runtime::Clock::now() + long_time;
  while (server.seen.ended < streams) {
    REQUIRE(runtime::Clock::now() < deadline);
    const auto answer =
        converse(server.port(), "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    REQUIRE(answer.ends_with("127.0.0.1"));
  }
}

std::string get(const std::string& target, const std::string& version = "1.1") {
  return "GET " + target + " HTTP/" + version + "\r\nHost: x\r\n\r\n";
}

TEST_CASE("stream: pieces arrive chunked and the body's end is told", "[api]") {
  Server server;
  const auto answer = converse(server.port(), get("/three"));
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(answer.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(answer.find("Content-Length") == std::string::npos);
  CHECK(
      answer.ends_with("\r\n\r\n4\r\none \r\n10000\r\n" + piece + "\r\n6\r\n three\r\n0\r\n\r\n"));
}

TEST_CASE("stream: for HTTP/1.0 the connection's end is the body's", "[api]") {
  Server server;
  const auto answer = converse(server.port(), get("/three", "1.0"));
  CHECK(answer.starts_with("HTTP/1.0 200 OK\r\n"));
  CHECK(answer.find("Transfer-Encoding") == std::string::npos);
  CHECK(answer.ends_with("\r\n\r\none " + piece + " three"));
}

TEST_CASE("stream: HEAD is answered with the headers alone", "[api]") {
  Server server;
  const auto answer = converse(server.port(), "HEAD /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(answer.ends_with("\r\n\r\n"));
  CHECK(server.seen.waiting == 0);
}

TEST_CASE("stream: one that breaks off does not look whole", "[api]") {
  Server server;
  const auto answer = converse(server.port(), get("/broken"));
  CHECK(answer.ends_with("\r\n\r\n4\r\nhalf\r\n"));
}

TEST_CASE("stream: it is over when the client goes while nothing is sent", "[api]") {
  Server server;
  {
    Wire gone(server.port());
    Wire half_closed(server.port());
    gone.send(get("/wait"));
    half_closed.send(get("/wait"));
    gone.read_until("begun\r\n");
    half_closed.read_until("begun\r\n");
    CHECK(server.seen.ended == 0);
    half_closed.end_sending();
    CHECK(half_closed.read_all() == "0\r\n\r\n");
  }
  serve_others_until_ended(server, 2);
}

TEST_CASE("stream: what the client sends meanwhile neither ends nor blocks it", "[api]") {
  Server server;
  Wire wire(server.port());
  wire.send(get("/wait"));
  wire.read_until("begun\r\n");
  wire.send(get("/three"));
  serve_others_until_ended(server, 0);
  CHECK(server.seen.ended == 0);
  wire.end_sending();
  CHECK(wire.read_all() == "0\r\n\r\n");
}

TEST_CASE("stream: who does not read is cut off, others are served meanwhile", "[api]") {
  ListenerOptions options;
  options.write_limit = std::chrono::milliseconds(300);
  Server server(options);
  Wire wire(server.port());
  wire.send(get("/flood"));
  serve_others_until_ended(server, 1);
  // No more than the kernel keeps.
  CHECK(server.seen.taken < 64U * 1024 * 1024);
  CHECK_FALSE(wire.read_all().ends_with("0\r\n\r\n"));
}

TEST_CASE("stream: a stop ends streams at once, those that are not read too", "[api]") {
  Server server;
  Wire waiting(server.port());
  Wire unread(server.port());
  waiting.send(get("/wait"));
  waiting.read_until("begun\r\n");
  unread.send(get("/flood"));
  // Nothing more is taken: it waits for the client.
  std::size_t taken = 0;
  while (server.seen.taken == 0 || taken != server.seen.taken) {
    taken = server.seen.taken;
    for (int other = 0; other < 50; ++other) converse(server.port(), "GET / HTTP/1.0\r\n\r\n");
  }
  const auto begun = runtime::Clock::now();
  server.stop(std::chrono::hours(1));
  CHECK(runtime::Clock::now() - begun < std::chrono::seconds(30));
  CHECK(server.seen.ended == 2);
  CHECK(waiting.read_all() == "0\r\n\r\n");
}

}  // namespace
}  // namespace jobengine::api::http
