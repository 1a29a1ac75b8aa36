#include <catch2/catch.hpp>

#include "tests/integration/cimi/serving.hpp"

using namespace jobengine;
using namespace jobengine::cimi;
using namespace jobengine::tests;
using nlohmann::json;

namespace {

HttpScripted echo(const HttpReceived& received) {
  return answer(200, {{"method", received.method}, {"target", received.target}});
}

}  // namespace

TEST_CASE("client: each operation is what the protocol asks for", "[cimi]") {
  with_server(echo, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    Search search;
    search.filter = "state='QUEUED' and action!='a&b'";
    search.orderby = "created:asc";
    search.select = {"id", "state"};
    search.last = 0;
    EditOptions edit_options;
    edit_options.if_match = "\"7\"";
    edit_options.remove = {"progress", "tags"};
    const json state = {{"state", "RUNNING"}};
    const json job = {{"action", "x"}};
    const Reply first = co_await client.get("job/1");
    REQUIRE(first.ok());
    const Reply second = co_await client.search("job", search);
    REQUIRE(second.ok());
    const Reply third = co_await client.add("job", job);
    REQUIRE(third.ok());
    const Reply fourth = co_await client.edit("job/1", state, edit_options);
    REQUIRE(fourth.ok());
    const Reply fifth = co_await client.remove("job/1");
    REQUIRE(fifth.ok());
    const Reply sixth = co_await client.operation("job/1", "cancel");
    REQUIRE(sixth.ok());
    const Reply seventh = co_await client.operation("job/1", "do", job);
    REQUIRE(seventh.ok());
    const Reply eighth = co_await client.bulk_delete("job", "created<'now-7d'");
    REQUIRE(eighth.ok());

    const auto& received = server.received();
    REQUIRE(received.size() == 8);
    for (const auto& one : received) REQUIRE(one.header("accept") == "application/json");
    REQUIRE(received[0].method + received[0].target == "GET/api/job/1");
    REQUIRE(received[1].method + received[1].target == "PUT/api/job");
    REQUIRE(received[1].header("content-type") == "application/x-www-form-urlencoded");
    REQUIRE(received[1].body ==
            "filter=state%3D%27QUEUED%27%20and%20action%21%3D%27a%26b%27&orderby=created%3Aasc&"
            "select=id%2Cstate&last=0");
    REQUIRE(received[2].method + received[2].target == "POST/api/job");
    REQUIRE(received[2].header("content-type") == "application/json");
    REQUIRE(json::parse(received[2].body) == job);
    REQUIRE(received[3].method + received[3].target == "PUT/api/job/1?select=progress,tags");
    REQUIRE(received[3].header("if-match") == "\"7\"");
    REQUIRE(json::parse(received[3].body) == state);
    REQUIRE(received[4].method + received[4].target == "DELETE/api/job/1");
    REQUIRE(received[5].method + received[5].target == "POST/api/job/1/cancel");
    REQUIRE(received[5].body.empty());
    REQUIRE(json::parse(received[6].body) == job);
    REQUIRE(received[7].method + received[7].target == "DELETE/api/job");
    REQUIRE(received[7].header("bulk") == "yes");
    REQUIRE(received[7].body == "filter=created%3C%27now-7d%27");
  });
}

TEST_CASE("client: the reply carries document, ETag and the new id", "[cimi]") {
  const auto script = [](const HttpReceived& received) {
    if (received.method == "POST") {
      return answer(201, {{"status", 201}, {"message", "job/9 created"}, {"resource-id", "job/9"}},
                    {{"Location", "job/9"}});
    }
    return answer(200, {{"id", "job/9"}, {"name", "Zürich ☃"}}, {{"ETag", "\"abc\""}});
  };
  with_server(script, {}, [](HttpServer&, Client& client) -> awaitable<void> {
    const Reply added = co_await client.add("job", json::object());
    REQUIRE(added.ok());
    REQUIRE(added.status == 201);
    REQUIRE(added.location == "job/9");
    REQUIRE(added.message == "job/9 created");
    const Reply got = co_await client.get("job/9");
    REQUIRE(got.etag == "\"abc\"");
    REQUIRE(got.document["name"] == "Zürich ☃");
  });
}

TEST_CASE("client: refusals come with what was asked and the server's message", "[cimi]") {
  const auto script = [](const HttpReceived& received) {
    const int status = std::stoi(received.target.substr(std::string("/api/job/").size()));
    return answer(status, {{"status", status}, {"message", "no, because"}});
  };
  with_server(script, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    const std::vector<std::pair<std::string, ReplyKind>> kinds = {
        {"400", ReplyKind::Invalid},
        {"401", ReplyKind::Refused},
        {"403", ReplyKind::Refused},
        {"404", ReplyKind::NotFound},
        {"405", ReplyKind::Invalid},
        {"409", ReplyKind::Conflict},
        {"412", ReplyKind::PreconditionFailed},
        {"429", ReplyKind::Unavailable},
        {"500", ReplyKind::Unavailable},
        {"503", ReplyKind::Unavailable},
    };
    for (const auto& [status, kind] : kinds) {
      const Reply reply = co_await client.get("job/" + status);
      CAPTURE(status, reply.message);
      REQUIRE(reply.kind == kind);
      REQUIRE(reply.message == "GET " + server.url() + "/api/job/" + status + ": answered " +
                                   status + ": no, because");
    }
  });
}

TEST_CASE("client: what is not JSON is not an answer of the API", "[cimi]") {
  const auto script = [](const HttpReceived& received) {
    HttpScripted scripted;
    scripted.status = received.target == "/api/job/gone" ? 404 : 200;
    scripted.body = received.target == "/api/job/empty" ? "" : "<html>Bad\ngateway</html>";
    if (received.target == "/api/job/deep") scripted.body = std::string(100'000, '[');
    return scripted;
  };
  with_server(script, {}, [](HttpServer&, Client& client) -> awaitable<void> {
    const Reply html = co_await client.get("job/html");
    REQUIRE(html.kind == ReplyKind::Unavailable);
    REQUIRE_THAT(html.message, Catch::Contains("not JSON: <html>Bad gateway</html>"));
    const Reply first = co_await client.get("job/empty");
    REQUIRE(first.kind == ReplyKind::Unavailable);
    const Reply second = co_await client.get("job/deep");
    REQUIRE(second.kind == ReplyKind::Unavailable);
    // A proxy whose API is away says so too; the resource may well exist.
    const Reply third = co_await client.get("job/gone");
    REQUIRE(third.kind == ReplyKind::Unavailable);
  });
}

TEST_CASE("client: a redirection is not followed", "[cimi]") {
  const auto script = [](const HttpReceived&) {
    return answer(302, json::object(), {{"Location", "http://127.0.0.1:1/elsewhere"}});
  };
  with_server(script, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    const Reply reply = co_await client.get("job/1");
    REQUIRE(reply.kind == ReplyKind::Unavailable);
    REQUIRE_THAT(reply.message, Catch::Contains("not followed"));
    REQUIRE(server.received().size() == 1);
  });
}

TEST_CASE("client: what would break out of its place in the request is not sent", "[cimi]") {
  with_server(echo, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    Request request;
    request.method = "GET";
    request.path = "job/1";
    request.as = "user/1\r\nX-Evil: 1";
    Request named = request;
    const Reply first = co_await client.request(std::move(named));
    REQUIRE(first.kind == ReplyKind::Invalid);
    request.as.reset();
    request.path = "job/1 HTTP/1.1\r\nX-Evil: 1";
    const Reply second = co_await client.request(std::move(request));
    REQUIRE(second.kind == ReplyKind::Invalid);
    REQUIRE(server.received().empty());
  });
}

TEST_CASE("client: bytes that are no UTF-8 are replaced, not refused", "[cimi]") {
  with_server(echo, {}, [](HttpServer& server, Client& client) -> awaitable<void> {
    const json changes = {{"status-message", "bad \xff byte"}};
    const Reply first = co_await client.edit("job/1", changes);
    REQUIRE(first.ok());
    REQUIRE(json::parse(server.received().back().body)["status-message"] ==
            "bad \xef\xbf\xbd byte");
  });
}
