// A client of the resource API and a scripted server, for the length of a test.
#pragma once

#include "common/cimi/client.hpp"
#include "tests/servers/http_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {

using Manner = HttpScripted::Manner;

inline HttpScripted answer(int status, const nlohmann::json& body,
                           std::vector<std::pair<std::string, std::string>> headers = {}) {
  HttpScripted scripted;
  scripted.status = status;
  scripted.body = body.dump();
  scripted.headers = std::move(headers);
  return scripted;
}

inline HttpScripted behave(Manner manner) {
  HttpScripted scripted;
  scripted.manner = manner;
  return scripted;
}

// Runs `body` with a server that answers by `script`; `options` get the server's address.
using ServedBody = awaitable<void> (*)(HttpServer& server, cimi::Client& client);
inline void with_server(HttpServer::Script script, cimi::ClientOptions options, ServedBody body) {
  run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
    HttpServer server(loop, script);
    options.url = server.url();
    auto client = cimi::make_http_client(loop, options);
    co_await body(server, *client);
    client.reset();
    co_await server.stop();
  });
}

}  // namespace jobengine::tests
