// A host name with several addresses. What names mean is up to the machine, so this program answers
// for one of them itself.
#include <dlfcn.h>
#include <netdb.h>

#include <boost/asio/ip/tcp.hpp>
#include <catch2/catch.hpp>
#include <cstring>
#include <list>
#include <vector>

#include "tests/integration/cimi/serving.hpp"

using namespace jobengine;
using namespace jobengine::cimi;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr const char* test_name = "several.test";
std::vector<std::string> addresses;  // of that name, in order

// Of the C library, with its own memory: a list that freeaddrinfo() frees.
int resolve_really(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
  using Resolve = int (*)(const char*, const char*, const addrinfo*, addrinfo**);
  static const auto resolve = reinterpret_cast<Resolve>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  return resolve(name, service, hints, found);
}

}  // namespace

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** found) {
  if (name == nullptr || std::strcmp(name, test_name) != 0) {
    return resolve_really(name, service, hints, found);
  }
  *found = nullptr;
  addrinfo** end = found;
  for (const std::string& address : addresses) {
    const int error = resolve_really(address.c_str(), service, hints, end);
    if (error != 0) return error;
    while (*end != nullptr) end = &(*end)->ai_next;
  }
  return *found == nullptr ? EAI_NONAME : 0;
}

namespace {

std::string port_of(const HttpServer& server) {
  const std::string url = server.url();
  return url.substr(url.rfind(':') + 1);
}

void with_name(std::vector<std::string> meaning,
               const std::function<awaitable<void>(HttpServer&, Client&)>& body) {
  addresses = std::move(meaning);
  run_on_loop([&body](asio::io_context& loop) -> awaitable<void> {
    HttpServer server(loop, [](const HttpReceived&) { return answer(200, json::object()); });
    ClientOptions options;
    options.url = "http://" + std::string(test_name) + ":" + port_of(server);
    auto client = make_http_client(loop, options);
    co_await body(server, *client);
    client.reset();
    co_await server.stop();
  });
}

}  // namespace

TEST_CASE("addresses: when one refuses, the next is asked, with the name that was given",
          "[cimi]") {
  // The server listens on 127.0.0.1 only.
  const auto meaning = GENERATE(std::vector<std::string>{"::1", "127.0.0.1"},
                                std::vector<std::string>{"127.0.0.2", "::1", "127.0.0.1"},
                                std::vector<std::string>{"127.0.0.1", "::1"});
  with_name(meaning, [](HttpServer& server, Client& client) -> awaitable<void> {
    const Reply got = co_await client.get("job/1");
    CAPTURE(got.message);
    CHECK(got.ok());
    // Also what must not be sent twice: nothing was sent yet.
    server.close_connections();
    const Reply added = co_await client.add("job", json::object());
    CAPTURE(added.message);
    CHECK(added.ok());
    REQUIRE(server.received().size() == 2);
    CHECK(server.received()[0].header("host") == "several.test:" + port_of(server));
  });
}

TEST_CASE("addresses: when all refuse, the answer says so at once", "[cimi]") {
  with_name({"::1", "127.0.0.2"}, [](HttpServer& server, Client& client) -> awaitable<void> {
    const auto began = runtime::Clock::now();
    const Reply got = co_await client.get("job/1");
    CHECK(got.kind == ReplyKind::Unreachable);
    CHECK_THAT(got.message,
               Catch::Contains("Failed to connect to several.test:") && Catch::Contains("refused"));
    CHECK(runtime::Clock::now() - began < 10s);
    CHECK(server.connections() == 0);
  });
}

TEST_CASE("addresses: a name that means nothing is told", "[cimi]") {
  with_name({}, [](HttpServer& server, Client& client) -> awaitable<void> {
    const Reply got = co_await client.get("job/1");
    CHECK(got.kind == ReplyKind::Unreachable);
    CHECK_THAT(got.message, Catch::Contains("Failed to resolve several.test"));
    CHECK(server.connections() == 0);
  });
}

TEST_CASE("addresses: one that swallows everything costs its share of the time, not all of it",
          "[cimi]") {
  // Its accept queue is full, so that the system answers no further connection.
  addresses = {"127.0.0.3", "127.0.0.1"};
  run_on_loop([](asio::io_context& loop) -> awaitable<void> {
    using asio::ip::tcp;
    HttpServer server(loop, [](const HttpReceived&) { return answer(200, json::object()); });
    const auto port = static_cast<std::uint16_t>(std::stoi(port_of(server)));
    tcp::acceptor deaf(loop);
    const tcp::endpoint there(asio::ip::make_address("127.0.0.3"), port);
    deaf.open(there.protocol());
    deaf.bind(there);
    deaf.listen(1);
    std::list<tcp::socket> waiting;
    for (int i = 0; i < 8; ++i) {
      waiting.emplace_back(loop).async_connect(there, [](const boost::system::error_code&) {});
    }
    ClientOptions options;
    options.url = "http://" + std::string(test_name) + ":" + port_of(server);
    options.timeout = 2s;
    auto client = make_http_client(loop, options);
    const Reply got = co_await client->get("job/1");
    CAPTURE(got.message);
    CHECK(got.ok());
    for (auto& socket : waiting) socket.close();
    client.reset();
    co_await server.stop();
  });
}
