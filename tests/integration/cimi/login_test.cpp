#include <catch2/catch.hpp>

#include "common/runtime/task_group.hpp"
#include "tests/integration/cimi/serving.hpp"

using namespace jobengine;
using namespace jobengine::cimi;
using namespace jobengine::tests;
using nlohmann::json;

namespace {

constexpr const char* cookie_name = "com.com.sixsq.nuvla.cookie";

// Sessions of the scripted API: each login gives a new cookie, and only the newest is accepted.
struct Sessions {
  int logins = 0;
  bool accept_login = true;

  std::string cookie() const {
    return std::string(cookie_name) + "=token-" + std::to_string(logins);
  }

  HttpScripted respond(const HttpReceived& received) {
    if (received.target == "/api/session" && received.method == "POST") {
      if (!accept_login) return answer(403, {{"message", "invalid credentials for 'me'"}});
      ++logins;
      return answer(201, {{"status", 201}, {"resource-id", "session/1"}},
                    {{"Set-Cookie", cookie() + ";Path=/;Secure;HttpOnly;Expires=Wed, 21 Oct 2099 "
                                               "07:28:00 GMT"}});
    }
    if (received.header("cookie") != cookie()) return answer(401, {{"message", "who are you?"}});
    return answer(200, json::object());
  }
};

ClientOptions with_password() {
  ClientOptions options;
  options.user = "me";
  options.password = "p4ss";
  return options;
}

// The sessions of the test that runs now.
Sessions sessions;
HttpServer::Script fresh_sessions() {
  sessions = Sessions();
  return [](const HttpReceived& received) { return sessions.respond(received); };
}

awaitable<void> expect_ok(Client& client, int& answered) {
  const Reply reply = co_await client.get("job/1");
  REQUIRE(reply.ok());
  ++answered;
}

}  // namespace

TEST_CASE("login: by password before the first request, and the cookie is sent from then on",
          "[cimi]") {
  with_server(
      fresh_sessions(), with_password(), [](HttpServer& server, Client& client) -> awaitable<void> {
        const Reply first = co_await client.get("job/1");
        REQUIRE(first.ok());
        const Reply second = co_await client.get("job/1");
        REQUIRE(second.ok());
        const auto& received = server.received();
        REQUIRE(received.size() == 3);
        REQUIRE(json::parse(received[0].body) == json{{"template",
                                                       {{"href", "session-template/password"},
                                                        {"username", "me"},
                                                        {"password", "p4ss"}}}});
        REQUIRE(received[0].header("cookie").empty());
        REQUIRE(received[2].header("cookie") == sessions.cookie());
      });
}

TEST_CASE("login: by API key, which counts before a password", "[cimi]") {
  ClientOptions options = with_password();
  options.api_key = "credential/7";
  options.api_secret = "s3cret";
  with_server(fresh_sessions(), options, [](HttpServer& server, Client& client) -> awaitable<void> {
    const Reply first = co_await log_in(client);
    REQUIRE(first.ok());
    const Reply second = co_await log_in(client);
    REQUIRE(second.ok());
    REQUIRE(sessions.logins == 1);
    REQUIRE(json::parse(server.received()[0].body) == json{{"template",
                                                            {{"href", "session-template/api-key"},
                                                             {"key", "credential/7"},
                                                             {"secret", "s3cret"}}}});
  });
}

TEST_CASE("login: a session that ran out is renewed and the request repeated", "[cimi]") {
  with_server(fresh_sessions(), with_password(),
              [](HttpServer& server, Client& client) -> awaitable<void> {
                const Reply first = co_await client.get("job/1");
                REQUIRE(first.ok());
                sessions.logins += 100;  // the cookie in use is void now
                const json changes = {{"state", "RUNNING"}};
                const Reply second = co_await client.edit("job/1", changes);
                REQUIRE(second.ok());
                const auto& received = server.received();
                REQUIRE(received.size() == 5);
                REQUIRE(received[3].target == "/api/session");
                REQUIRE(received[4].method == "PUT");
                REQUIRE(json::parse(received[4].body) == changes);
              });
}

TEST_CASE("login: many requests at once share one login", "[cimi]") {
  with_server(fresh_sessions(), with_password(),
              [](HttpServer&, Client& client) -> awaitable<void> {
                auto loop = co_await asio::this_coro::executor;
                runtime::TaskGroup tasks(loop);
                int answered = 0;
                for (int i = 0; i < 20; ++i) tasks.spawn(expect_ok(client, answered));
                co_await tasks.join();
                REQUIRE(answered == 20);
                REQUIRE(sessions.logins == 1);
              });
}

TEST_CASE("login: refused credentials are told with the server's message, without the secret",
          "[cimi]") {
  with_server(fresh_sessions(), with_password(),
              [](HttpServer& server, Client& client) -> awaitable<void> {
                sessions.accept_login = false;
                const Reply reply = co_await log_in(client);
                REQUIRE(reply.kind == ReplyKind::Refused);
                REQUIRE(reply.message == "POST " + server.url() +
                                             "/api/session: answered 403: invalid credentials for "
                                             "'me'");
                const Reply request = co_await client.get("job/1");
                REQUIRE(request.kind == ReplyKind::Refused);
                REQUIRE_THAT(request.message, Catch::Contains("invalid credentials"));
              });
}

TEST_CASE("login: a refusal that stays one is told after one new login", "[cimi]") {
  const auto script = [](const HttpReceived& received) {
    if (received.target == "/api/session") return sessions.respond(received);
    return answer(403, {{"message", "not yours"}});
  };
  fresh_sessions();
  with_server(script, with_password(), [](HttpServer& server, Client& client) -> awaitable<void> {
    const Reply reply = co_await client.get("job/1");
    REQUIRE(reply.kind == ReplyKind::Refused);
    REQUIRE_THAT(reply.message, Catch::EndsWith("not yours"));
    REQUIRE(sessions.logins == 2);
    REQUIRE(server.received().size() == 4);
  });
}

TEST_CASE("login: an answer without a session is no login", "[cimi]") {
  const auto script = [](const HttpReceived&) { return answer(200, {{"location", "callback/1"}}); };
  with_server(script, with_password(), [](HttpServer&, Client& client) -> awaitable<void> {
    const Reply reply = co_await log_in(client);
    REQUIRE(reply.kind == ReplyKind::Refused);
    REQUIRE_THAT(reply.message, Catch::Contains("no session"));
  });
}

TEST_CASE("login: with the authn header or with cookies there is none", "[cimi]") {
  const auto script = [](const HttpReceived& received) {
    const bool known = received.header("nuvla-authn-info") == "group/nuvla-admin" ||
                       received.header("nuvla-authn-info") == "user/1 user/1" ||
                       received.header("cookie") == std::string(cookie_name) + "=kept";
    return answer(known ? 200 : 403, json::object());
  };
  ClientOptions header = with_password();
  header.authn_header = "group/nuvla-admin";
  with_server(script, header, [](HttpServer& server, Client& client) -> awaitable<void> {
    const Reply first = co_await log_in(client);
    REQUIRE(first.ok());
    const Reply second = co_await client.get("job/1");
    REQUIRE(second.ok());
    Request request;
    request.method = "GET";
    request.path = "job/1";
    request.as = "user/1 user/1";
    const Reply third = co_await client.request(std::move(request));
    REQUIRE(third.ok());
    REQUIRE(server.received().size() == 2);
  });
  ClientOptions cookies;
  // #LWP-Cookies-2.0, Set-Cookie3: com.com.sixsq.nuvla.cookie=kept; path="/"; domain=x
  cookies.cookies_base64 =
      "I0xXUC1Db29raWVzLTIuMApTZXQtQ29va2llMzogY29tLmNvbS5zaXhzcS5udXZsYS5jb29raWU9a2VwdDsgcGF0aD0i"
      "LyI7IGRvbWFpbj14Cg==";
  with_server(script, cookies, [](HttpServer& server, Client& client) -> awaitable<void> {
    const Reply fourth = co_await client.get("job/1");
    REQUIRE(fourth.ok());
    REQUIRE(server.received().size() == 1);
  });
}
