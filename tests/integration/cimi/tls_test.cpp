#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/integration/cimi/serving.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::cimi;
using namespace jobengine::tests;
using nlohmann::json;

namespace {

HttpScripted close_after_each(const HttpReceived&) {
  return behave(Manner::AnswerAndClose);
}

awaitable<void> write_often(HttpServer& server, Client& client) {
  for (std::size_t i = 1; i <= 10; ++i) {
    const json changes = {{"progress", i}};
    const Reply reply = co_await client.edit("job/1", changes);
    CAPTURE(i, reply.message);
    REQUIRE(reply.ok());
    REQUIRE(server.received().size() == i);
  }
}

}  // namespace

TEST_CASE("TLS: a server nobody vouches for is refused before anything is sent", "[cimi]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const HttpServer::Tls tls = self_signed_certificate();
    HttpServer server(loop, close_after_each, tls);
    ClientOptions options;
    options.url = server.url();
    auto client = make_http_client(loop, options);
    const Reply reply = co_await client->get("job/1");
    REQUIRE(reply.kind == ReplyKind::Unreachable);
    REQUIRE_THAT(reply.message,
                 Catch::Contains("SSL handshake") && Catch::Contains("SSL_CERT_FILE"));
    REQUIRE(server.received().empty());
    client.reset();
    co_await server.stop();
  });
}

TEST_CASE("TLS: unverified if told so, also over connections the server has closed", "[cimi]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const HttpServer::Tls tls = self_signed_certificate();
    HttpServer server(loop, close_after_each, tls);
    ClientOptions options;
    options.url = server.url();
    options.insecure = true;
    auto client = make_http_client(loop, options);
    co_await write_often(server, *client);
    client.reset();
    co_await server.stop();
  });
}

TEST_CASE("TLS: the authorities of SSL_CERT_FILE are trusted", "[cimi]") {
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    const HttpServer::Tls tls = self_signed_certificate();
    const TemporaryDirectory directory;
    ::setenv("SSL_CERT_FILE", directory.file("ca.pem", tls.certificate).c_str(), 1);
    HttpServer server(loop, close_after_each, tls);
    ClientOptions options;
    options.url = server.url();
    auto client = make_http_client(loop, options);
    co_await write_often(server, *client);
    client.reset();
    co_await server.stop();
    ::unsetenv("SSL_CERT_FILE");
  });
}
