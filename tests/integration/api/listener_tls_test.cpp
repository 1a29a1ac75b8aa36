// The listener over TLS.
#include <atomic>
#include <catch2/catch.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "api/http/listener.hpp"
#include "common/runtime/event_loop.hpp"
#include "common/runtime/failure.hpp"
#include "tests/integration/api/tls_wire.hpp"
#include "tests/integration/api/wire.hpp"
#include "tests/servers/http_server.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::api::http {
namespace {

using tests::TlsWire;
using tests::Wire;

constexpr std::size_t big_answer = 16 * 1024 * 1024;

awaitable<void> wait_until_over(BodyStream& body, std::atomic<int>* ended) {
  co_await body.send("begun");
  co_await body.over().wait();
  ++*ended;
}

awaitable<Response> answer(Request request, std::atomic<int>* ended) {
  Response response;
  response.content_type = "text/plain";
  if (request.target == "/big") {
    response.body = std::string(big_answer, 'x');
  } else if (request.target == "/stream") {
    response.stream = [ended](BodyStream& body) { return wait_until_over(body, ended); };
  } else {
    response.body = request.method + " " + request.target + " " + request.body +
                    (request.over_tls ? " over TLS" : " in plain");
  }
  co_return response;
}

// As programs do: OpenSSL writes to sockets that may be gone.
const auto ignored_pipe_signal = std::signal(SIGPIPE, SIG_IGN);

struct Server {
  tests::TemporaryDirectory directory;
  tests::HttpServer::Tls tls = tests::self_signed_certificate();
  runtime::EventLoop loop;
  std::atomic<int> ended{0};
  std::optional<Listener> listener;

  explicit Server(ListenerOptions options = {}, int threads = 2) {
    options.certificate_file = directory.file("cert.pem", tls.certificate);
    options.key_file = directory.file("key.pem", tls.key);
    options.threads = threads;
    auto handler = [this](Request request) { return answer(std::move(request), &ended); };
    listener.emplace(loop.context(), options, handler);
  }
  ~Server() { loop.run(listener->stop(std::chrono::seconds(60))); }
  std::uint16_t port() const { return listener->port(); }

  // As it is done right: written beside and moved into place.
  void replace(const std::string& name, const std::string& content) {
    const auto fresh = directory.file(name + ".new", content);
    std::filesystem::rename(fresh, directory.path() / name);
  }
};

std::string request(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
}

std::string converse_over_tls(std::uint16_t port, const std::string& bytes) {
  TlsWire wire(port);
  REQUIRE(wire.open());
  wire.send(bytes);
  const auto answered = wire.read_all();
  CHECK(wire.ended_well());
  return answered;
}

// What the files of a failing start are complained about with.
std::string refusal_of(const std::string& certificate_file, const std::string& key_file) {
  runtime::EventLoop loop;
  ListenerOptions options;
  options.certificate_file = certificate_file;
  options.key_file = key_file;
  try {
    const Listener listener(loop.context(), options, {});
  } catch (const runtime::Failure& failure) {
    return failure.what();
  }
  return "";
}

TEST_CASE("TLS: requests are answered one after another, with bodies and pipelined", "[api]") {
  Server server;
  const auto answers = converse_over_tls(
      server.port(), "PUT /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" +
                         std::string("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n") + request("/3"));
  CHECK(answers.find("PUT /1 abc over TLS") != std::string::npos);
  CHECK(answers.find("GET /2  over TLS") != std::string::npos);
  CHECK(answers.ends_with("GET /3  over TLS"));
}

TEST_CASE("TLS: large bodies pass in both directions", "[api]") {
  ListenerOptions options;
  options.body_limit = big_answer;
  Server server(options);
  const auto answered = converse_over_tls(server.port(), request("/big"));
  CHECK(answered.ends_with(std::string(big_answer, 'x')));
  const std::string body(1000000, 'y');
  const auto echoed =
      converse_over_tls(server.port(),
                        "PUT / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000000"
                        "\r\n\r\n" +
                            body);
  CHECK(echoed.ends_with("PUT / " + body + " over TLS"));
}

TEST_CASE("TLS: 1.2 and 1.3 are spoken, nothing older; sessions are resumed", "[api]") {
  Server server;
  CHECK_FALSE(TlsWire(server.port(), TLS1_1_VERSION).open());
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsWire first(server.port(), version);
    REQUIRE(first.open());
    first.send(request("/1"));
    CHECK(first.read_all().ends_with("over TLS"));
    TlsWire second(server.port(), version, first.session().get());
    CHECK(second.open());
    CHECK(second.resumed());
  }
}

TEST_CASE("TLS: plain HTTP is answered 400, anything else closed, none of it hangs", "[api]") {
  ListenerOptions options;
  options.request_limit = std::chrono::milliseconds(300);
  Server server(options);
  CHECK(tests::converse(server.port(), request("/1")).starts_with("HTTP/1.1 400 Bad Request"));
  // The server may answer with an alert.
  CHECK(tests::converse(server.port(), std::string(1000, '\x16')).size() < 100);
  CHECK(tests::converse(server.port(), "\r\n\r\n\r\n\r\n").size() < 100);
  Wire silent(server.port());
  CHECK(silent.read_all().empty());
  CHECK(converse_over_tls(server.port(), request("/1")).ends_with("over TLS"));
}

TEST_CASE("TLS: a stop does not wait for handshakes that go nowhere", "[api]") {
  ListenerOptions options;
  options.request_limit = std::chrono::minutes(5);
  Server server(options, 1);
  const Wire silent(server.port());
  Wire begun(server.port());
  begun.send("\x16\x03\x01\x02");
  // Whoever came before is taken in by now.
  CHECK(converse_over_tls(server.port(), request("/1")).ends_with("over TLS"));
  const auto before = runtime::Clock::now();
  server.loop.run(server.listener->stop(std::chrono::minutes(5)));
  CHECK(runtime::Clock::now() - before < std::chrono::seconds(30));
}

// Whoever gets into `port` so far keeps sending until the other side has enough.
class Flood {
 public:
  Flood(std::uint16_t port, std::string begin) : wire_(port) {
    wire_.send(begin);
    thread_ = std::thread([this] {
      const std::string more(256 * 1024, 'x');
      while (!stop_ && wire_.send(more)) {
      }
      ended_.set_value();
    });
  }
  ~Flood() {
    stop_ = true;
    thread_.join();
  }
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;
  bool ends_within(std::chrono::seconds limit) {
    return ended_.get_future().wait_for(limit) == std::future_status::ready;
  }

 private:
  Wire wire_;
  std::atomic<bool> stop_{false};
  std::promise<void> ended_;
  std::thread thread_;
};

TEST_CASE("TLS: who floods the port with plain HTTP does not keep others waiting", "[api]") {
  Server server({}, 1);
  {
    std::vector<std::unique_ptr<Flood>> floods;
    for (int i = 0; i < 3; ++i) {
      floods.push_back(std::make_unique<Flood>(server.port(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    }
    CHECK(converse_over_tls(server.port(), request("/1")).ends_with("over TLS"));
    for (const auto& flood : floods) CHECK(flood->ends_within(std::chrono::seconds(60)));
  }
}

TEST_CASE("TLS: a stream ends when its client goes", "[api]") {
  Server server;
  {
    TlsWire wire(server.port());
    wire.send(request("/stream"));
    wire.read_until("begun");
  }
  const auto deadline = runtime::Clock::now() + std::chrono::seconds(60);
  while (server.ended == 0 && runtime::Clock::now() < deadline) {
    converse_over_tls(server.port(), request("/1"));
  }
  CHECK(server.ended == 1);
}

TEST_CASE("TLS: a certificate that was replaced is taken up, one that is no good is not", "[api]") {
  Server server;
  const auto before = server.tls.certificate;
  const auto fresh = tests::self_signed_certificate();
  const auto shown = [&] { return TlsWire(server.port()).certificate(); };
  CHECK(shown() == before);
  // Not the certificate's key: what was before stays.
  server.replace("key.pem", fresh.key);
  const auto later = runtime::Clock::now() + std::chrono::seconds(3);
  while (runtime::Clock::now() < later) REQUIRE(shown() == before);
  server.replace("cert.pem", fresh.certificate);
  const auto deadline = runtime::Clock::now() + std::chrono::seconds(60);
  while (shown() != fresh.certificate) REQUIRE(runtime::Clock::now() < deadline);
  CHECK(converse_over_tls(server.port(), request("/1")).ends_with("over TLS"));
}

TEST_CASE("TLS: files that cannot be used are named, with the reason", "[api]") {
  const tests::TemporaryDirectory directory;
  const auto tls = tests::self_signed_certificate();
  const auto other = tests::self_signed_certificate();
  const auto certificate = directory.file("cert.pem", tls.certificate);
  const auto key = directory.file("key.pem", tls.key);
  const auto other_key = directory.file("other.pem", other.key);
  const auto text = directory.file("text", "hello\n");
  const auto missing = (directory.path() / "missing").string();
  CHECK(refusal_of(missing, key) ==
        "cannot read the file of --tls-cert, " + missing + ": No such file or directory");
  CHECK(refusal_of(certificate, missing) ==
        "cannot read the file of --tls-key, " + missing + ": No such file or directory");
  CHECK(refusal_of(text, key).starts_with("--tls-cert: " + text + " holds no certificate in PEM"));
  CHECK(refusal_of(certificate, text)
            .starts_with("--tls-key: " + text + " holds no private key in PEM form"));
  CHECK(refusal_of(certificate, other_key) ==
        "--tls-key: " + other_key + " is not the key of the certificate in " + certificate);
}

}  // namespace
}  // namespace jobengine::api::http
