#include "api/http/listener.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "api/http/request_body.hpp"
#include "common/runtime/event_loop.hpp"
#include "common/runtime/failure.hpp"
#include "tests/integration/api/wire.hpp"

namespace jobengine::api::http {
namespace {

using tests::converse;
using tests::Wire;

// Far more than the kernel keeps of what nobody reads.
constexpr std::size_t big_answer = 64 * 1024 * 1024;

// Answers what it was asked; "/slow" only after `release`.
awaitable<Response> echo(Request request, std::atomic<int>* slow, std::atomic<bool>* release) {
  if (request.target == "/fail") throw runtime::Failure("told to fail");
  if (request.target == "/slow") {
    ++*slow;
    auto loop = co_await asio::this_coro::executor;
    asio::steady_timer pause(loop);
    while (!*release) {
      pause.expires_after(std::chrono::milliseconds(5));
      co_await pause.async_wait(use_awaitable);
    }
  }
  Response response;
  if (request.target == "/big") {
    response.body = std::string(big_answer, 'x');
    co_return response;
  }
  response.body = request.method + " " + request.target + " " + request.body;
  response.content_type = "text/plain";
  co_return response;
}

// A listener on threads of its own, with short limits, and the main loop it reports to.
struct Server {
  runtime::EventLoop loop;
  std::atomic<int> slow{0};
  std::atomic<bool> release{false};
  std::optional<Listener> listener;

  explicit Server(ListenerOptions options = {}, int threads = 2) {
    options.threads = threads;
    options.header_limit = 4096;
    options.body_limit = 10000;
    options.idle_limit = std::chrono::milliseconds(700);
    options.request_limit = std::chrono::milliseconds(700);
    auto handler = [this](Request request) { return echo(std::move(request), &slow, &release); };
    listener.emplace(loop.context(), options, handler);
  }
  ~Server() { stop(std::chrono::seconds(10)); }
  std::uint16_t port() const { return listener->port(); }
  void stop(runtime::Duration grace) { loop.run(listener->stop(grace)); }
};

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

std::string close_request(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
}

// How much of a big answer arrives when nothing of it is read for several times the write limit.
std::size_t read_late(std::size_t least_bytes_per_second) {
  ListenerOptions options;
  options.write_limit = std::chrono::milliseconds(300);
  options.least_bytes_per_second = least_bytes_per_second;
  Server server(options);
  Wire wire(server.port());
  wire.send(close_request("/big"));
  const auto later = runtime::Clock::now() + std::chrono::milliseconds(1500);
  while (runtime::Clock::now() < later) converse(server.port(), close_request("/meanwhile"));
  return wire.read_all().size();
}

TEST_CASE("listener: who reads slowly gets all, who does not read is cut off", "[api]") {
  CHECK(read_late(1024) > big_answer);
  CHECK(read_late(1024 * 1024 * 1024) < big_answer);
}

TEST_CASE("listener: pipelined requests are answered in their order", "[api]") {
  Server server;
  const auto answers = converse(server.port(),
                                "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
                                "PUT /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" +
                                    close_request("/3"));
  CHECK(count(answers, "HTTP/1.1 200 OK") == 3);
  CHECK(answers.find("GET /1") < answers.find("PUT /2 abc"));
  CHECK(answers.find("PUT /2 abc") < answers.find("GET /3"));
}

TEST_CASE("listener: what is no HTTP is refused and the server goes on", "[api]") {
  Server server;
  const std::string chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n";
  for (const auto& bad :
       {std::string("nonsense\r\n\r\n"), chunked + "\r\n-2\r\nabc\r\n", chunked + "\r\n-1\r\nabc",
        chunked + "Content-Length: 3\r\n\r\nabc",
        std::string("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n"),
        std::string("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
        std::string("GET / HTTP/9.9\r\nHost: x\r\n\r\n")}) {
    INFO(bad);
    CHECK(converse(server.port(), bad).starts_with("HTTP/1.1 400 Bad Request"));
  }
  CHECK(converse(server.port(), close_request("/1")).find("GET /1") != std::string::npos);
}

TEST_CASE("listener: a body over the limit is 413, declared or not", "[api]") {
  Server server;
  const std::string body(20000, 'x');
  const auto declared =
      converse(server.port(), "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n" + body);
  CHECK(declared.starts_with("HTTP/1.1 413 "));
  const auto chunked = converse(
      server.port(), "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n" +
                         body + "\r\n0\r\n\r\n");
  CHECK(chunked.starts_with("HTTP/1.1 413 "));
}

TEST_CASE("listener: a header over the limit is 431", "[api]") {
  Server server;
  const auto answer = converse(
      server.port(), "GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(8000, 'x') + "\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 431 "));
}

TEST_CASE("listener: a request that does not come to its end is 408", "[api]") {
  Server server;
  Wire header(server.port());
  header.send("GET / HTTP/1.1\r\nHost: x\r\n");
  Wire body(server.port());
  body.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  CHECK(header.read_all().starts_with("HTTP/1.1 408 "));
  CHECK(body.read_all().starts_with("HTTP/1.1 408 "));
}

TEST_CASE("listener: an idle connection is closed without a word", "[api]") {
  Server server;
  Wire idle(server.port());
  CHECK(idle.read_all().empty());
}

TEST_CASE("listener: Expect: 100-continue is answered before the body comes", "[api]") {
  Server server;
  Wire wire(server.port());
  wire.send(
      "PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
      "Connection: close\r\n\r\n");
  CHECK(wire.read_until("\r\n\r\n").starts_with("HTTP/1.1 100 Continue"));
  wire.send("abc");
  CHECK(wire.read_all().find("PUT / abc") != std::string::npos);
}

TEST_CASE("listener: HEAD has the headers of GET and no body", "[api]") {
  Server server;
  const auto answer =
      converse(server.port(), "HEAD /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  CHECK(answer.starts_with("HTTP/1.1 200 OK"));
  CHECK(answer.find("Content-Length: 8") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\n"));
}

TEST_CASE("listener: long answers are packed for who accepts it, and only for them", "[api]") {
  Server server;
  const std::string target = "/" + std::string(3000, 'x');
  const auto ask = [&](const std::string& method, const std::string& headers) {
    return converse(server.port(), method + " " + target + " HTTP/1.1\r\nHost: x\r\n" + headers +
                                       "Connection: close\r\n\r\n");
  };
  const auto packed = ask("GET", "Accept-Encoding: gzip\r\n");
  CHECK(packed.find("Content-Encoding: gzip\r\n") != std::string::npos);
  CHECK(packed.find("Vary: Accept-Encoding\r\n") != std::string::npos);
  const auto head = packed.find("\r\n\r\n") + 4;
  CHECK(packed.find("Content-Length: " + std::to_string(packed.size() - head)) < head);
  CHECK(unpack_gzip(packed.substr(head), 10000).text == "GET " + target + " ");
  const auto headers = ask("HEAD", "Accept-Encoding: gzip\r\n");
  CHECK(headers.find("Content-Encoding: gzip\r\n") != std::string::npos);
  CHECK(headers.ends_with("\r\n\r\n"));
  const auto plain = ask("GET", "");
  CHECK(plain.find("Vary: Accept-Encoding\r\n") != std::string::npos);
  CHECK(plain.find("Content-Encoding") == std::string::npos);
  CHECK(plain.ends_with("GET " + target + " "));
  const auto big = converse(server.port(),
                            "GET /big HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
                            "Connection: close\r\n\r\n");
  const auto text = unpack_gzip(big.substr(big.find("\r\n\r\n") + 4), big_answer).text;
  CHECK(text == std::string(big_answer, 'x'));
}

// A gzip body of 64 MiB of one letter is small: what is held is the text it is made of.
TEST_CASE("listener: answers that are being packed count as what is held", "[api]") {
  ListenerOptions options;
  options.memory_limit = big_answer + big_answer / 2;
  Server server(options, 1);
  std::vector<std::unique_ptr<Wire>> wires;
  for (int i = 0; i < 4; ++i) {
    wires.push_back(std::make_unique<Wire>(server.port()));
    wires.back()->send(
        "GET /big HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
  }
  std::size_t packed = 0;
  std::size_t refused = 0;
  for (const auto& wire : wires) {
    const auto answer = wire->read_all();
    packed += count(answer, "Content-Encoding: gzip");
    if (!answer.starts_with("HTTP/1.1 503 ")) continue;
    ++refused;
    CHECK(answer.find("Retry-After: 1\r\n") != std::string::npos);
  }
  CHECK(packed > 0);
  CHECK(refused > 0);
  // All of it is given back.
  const auto later = converse(server.port(), close_request("/big"));
  CHECK(later.starts_with("HTTP/1.1 200 OK"));
}

TEST_CASE("listener: a request there is no memory for is told when to come back", "[api]") {
  ListenerOptions options;
  options.memory_limit = 6000;
  Server server(options, 1);
  const auto begin = [](Wire& wire) {
    wire.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n" + std::string(4500, 'y'));
  };
  Wire first(server.port());
  begin(first);
  Wire second(server.port());
  begin(second);
  const auto answer = second.read_all();
  CHECK(answer.starts_with("HTTP/1.1 503 "));
  CHECK(answer.find("Retry-After: 1\r\n") != std::string::npos);
}

TEST_CASE("listener: what a handler throws is 500 and the connection goes on", "[api]") {
  Server server;
  const auto answers =
      converse(server.port(), "GET /fail HTTP/1.1\r\nHost: x\r\n\r\n" + close_request("/1"));
  CHECK(answers.starts_with("HTTP/1.1 500 "));
  CHECK(answers.find("told to fail") == std::string::npos);
  CHECK(count(answers, "HTTP/1.1 200 OK") == 1);
}

TEST_CASE("listener: stopping lets a busy request be answered and closes idle ones", "[api]") {
  Server server;
  Wire idle(server.port());
  Wire busy(server.port());
  busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  while (server.slow == 0) std::this_thread::yield();
  std::thread releases([&] {
    CHECK_NOTHROW(idle.read_all());
    server.release = true;
  });
  server.stop(std::chrono::seconds(60));
  releases.join();
  const auto answer = busy.read_all();
  CHECK(answer.starts_with("HTTP/1.1 200 OK"));
  CHECK(answer.find("Connection: close") != std::string::npos);
  CHECK(answer.ends_with("GET /slow "));
}

TEST_CASE("listener: a port somebody listens on is refused, although it could be shared", "[api]") {
  Server first;
  runtime::EventLoop loop;
  ListenerOptions options;
  options.port = first.port();
  std::string message;
  try {
    const Listener second(loop.context(), options, {});
  } catch (const runtime::Failure& failure) {
    message = failure.what();
  }
  CHECK(message ==
        "cannot listen on 127.0.0.1:" + std::to_string(first.port()) + ": Address already in use");
}

}  // namespace
}  // namespace jobengine::api::http
