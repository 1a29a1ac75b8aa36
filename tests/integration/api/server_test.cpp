// job-api as its clients see it; ZooKeeper is away all the time.
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>

#include "common/cimi/client.hpp"
#include "common/runtime/child_process.hpp"
#include "tests/integration/api/wire.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;

std::string post(const std::string& path, const std::string& body, const std::string& headers) {
  return "POST " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string as_json = "Content-Type: application/json\r\n";
const std::string as_admin = "nuvla-authn-info: group/nuvla-admin\r\n";

ApiServer& trusting_server() {
  static ApiServer server({{}, {"--trust-authn-header"}, {}});
  return server;
}

TEST_CASE("job-api: the sequence of the Python REST client", "[api]") {
  const ApiServer server;
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    runtime::SpawnRequest request;
    request.argv = {"/usr/bin/python3",
                    source_directory() + "/tests/integration/api/rest_client_sequence.py",
                    std::to_string(server.port()), api_password};
    auto script = runtime::ChildProcess::spawn(loop, request);
    co_await script.exited().wait();
    INFO(server.log());
    CHECK(script.status().text() == "exited with code 0");
  };
  run_on_loop(body, std::chrono::seconds(180));
}

TEST_CASE("job-api: our client logs in, adds, edits, searches and deletes", "[api]") {
  const ApiServer server;
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    cimi::ClientOptions options;
    options.url = server.url();
    options.user = api_admin;
    options.password = api_password;
    const auto client = cimi::make_http_client(loop, options);
    json job;
    job["action"] = "dummy_test_action";
    const auto added = co_await client->add("job", job);
    INFO(added.message);
    REQUIRE(added.ok());
    const auto read = co_await client->get(added.location);
    REQUIRE(read.ok());
    CHECK(read.document["state"] == "QUEUED");
    CHECK_FALSE(read.etag.empty());
    cimi::EditOptions if_unchanged;
    if_unchanged.if_match = read.etag;
    json running;
    running["state"] = "RUNNING";
    const auto edited = co_await client->edit(added.location, running, if_unchanged);
    CHECK(edited.ok());
    const auto late = co_await client->edit(added.location, running, if_unchanged);
    CHECK(late.kind == cimi::ReplyKind::PreconditionFailed);
    json success;
    success["state"] = "SUCCESS";
    const auto done = co_await client->edit(added.location, success);
    CHECK(done.ok());
    CHECK(done.document["progress"] == 100);
    const auto again = co_await client->edit(added.location, success);
    CHECK(again.kind == cimi::ReplyKind::Conflict);
    const auto removed = co_await client->bulk_delete("job", "state='SUCCESS'");
    CHECK(removed.document["deleted"] == 1);
    const auto gone = co_await client->get(added.location);
    CHECK(gone.kind == cimi::ReplyKind::NotFound);
  };
  run_on_loop(body, std::chrono::seconds(180));
}

TEST_CASE("job-api: malformed JSON is told in plain text", "[api]") {
  const auto port = trusting_server().port();
  const auto answer = converse(port, post("/api/job", "{\"action\":", as_json + as_admin));
  CHECK(answer.starts_with("HTTP/1.1 400 "));
  CHECK(answer.find("Content-Type: text/plain") != std::string::npos);
  CHECK(answer.ends_with("\r\n\r\nMalformed JSON in request body."));
  const std::string deep = R"({"a":)" + std::string(70, '[') + std::string(70, ']') + "}";
  CHECK(converse(port, post("/api/job", deep, as_json + as_admin))
            .ends_with("Malformed JSON in request body."));
}

TEST_CASE("job-api: unknown attributes and wrong types are named", "[api]") {
  const auto port = trusting_server().port();
  const auto unknown =
      converse(port, post("/api/job", R"({"action":"a","colour":"red"})", as_json + as_admin));
  CHECK(unknown.starts_with("HTTP/1.1 400 "));
  CHECK(unknown.find("does not satisfy defined schema:\\ncolour: unknown attribute") !=
        std::string::npos);
  const auto wrong =
      converse(port, post("/api/job", R"({"action":"a","priority":"high"})", as_json + as_admin));
  CHECK(wrong.find("priority: \\\"high\\\", expected an integer from 0") != std::string::npos);
  const auto number = converse(port, post("/api/job", "3", as_json + as_admin));
  CHECK(number.find("the body must be a JSON object") != std::string::npos);
}

TEST_CASE("job-api: content it cannot read is refused by name", "[api]") {
  const auto port = trusting_server().port();
  const auto text = converse(port, post("/api/job", "hello", "Content-Type: text/csv\r\n"));
  CHECK(text.starts_with("HTTP/1.1 415 "));
  const auto coded =
      converse(port, post("/api/job", "hello", as_json + "Content-Encoding: br\r\n"));
  CHECK(coded.starts_with("HTTP/1.1 415 "));
  const auto broken =
      converse(port, post("/api/job", "hello", as_json + "Content-Encoding: gzip\r\n"));
  CHECK(broken.starts_with("HTTP/1.1 400 "));
}

TEST_CASE("job-api: the authn header is not believed unless told to", "[api]") {
  const ApiServer careful;
  const std::string body = R"({"action":"a"})";
  CHECK(converse(careful.port(), post("/api/job", body, as_json + as_admin))
            .starts_with("HTTP/1.1 403 "));
  CHECK(converse(trusting_server().port(), post("/api/job", body, as_json + as_admin))
            .starts_with("HTTP/1.1 201 "));
  CHECK(converse(trusting_server().port(), post("/api/job", body, as_json))
            .starts_with("HTTP/1.1 403 "));
}

std::string sent(const std::string& method, const std::string& path, const std::string& headers,
                 const std::string& body = {}) {
  return method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string as_form = "Content-Type: application/x-www-form-urlencoded\r\n";

TEST_CASE("job-api: who has no right to a job can do nothing with it", "[api]") {
  const auto port = trusting_server().port();
  const std::string as_jane = "nuvla-authn-info: user/jane user/jane group/nuvla-user\r\n";
  const auto added = converse(port, post("/api/job",
                                         R"({"action":"a","acl":{"owners":["group/nuvla-admin"],)"
                                         R"("view-meta":["user/jane"]},"payload":"{}"})",
                                         as_json + as_admin));
  const auto location = added.find("Location: ") + 10;
  const auto path = "/api/" + added.substr(location, added.find("\r\n", location) - location);
  const auto refused = [port](const std::string& bytes) {
    INFO(bytes);
    CHECK(converse(port, bytes).starts_with("HTTP/1.1 403 "));
  };
  for (const auto& who : {as_jane, std::string(),
                          std::string("Cookie: com.com.sixsq.nuvla.cookie="
                                      "eyJhbGciOiJub25lIn0.e30.\r\n")}) {
    refused(sent("PUT", path, as_json + who, R"({"state":"RUNNING"})"));
    refused(sent("PUT", path + "?select=payload", as_json + who, "{}"));
    refused(sent("DELETE", path, who));
    refused(sent("DELETE", "/api/job", "bulk: yes\r\n" + as_form + who, "filter=id!=null"));
    refused(sent("POST", "/api/job", as_json + who, R"({"action":"a"})"));
    for (const char* operation : {"/cancel", "/timeout", "/get-context"}) {
      refused(sent("POST", path + operation, who));
    }
  }
  refused(sent("GET", path, {}));
  const auto seen = converse(port, sent("GET", path, as_jane));
  CHECK(seen.starts_with("HTTP/1.1 200 "));
  CHECK(seen.find("payload") == std::string::npos);
  CHECK(seen.find("operations") == std::string::npos);
  const auto untouched = converse(port, sent("GET", path, as_admin));
  CHECK(untouched.find(R"("state":"QUEUED")") != std::string::npos);
}

TEST_CASE("job-api: a row holds what was selected, whatever is read for it", "[api]") {
  const auto port = trusting_server().port();
  converse(port, post("/api/job", R"({"action":"to-be-selected"})", as_json + as_admin));
  const auto rows = [port](const std::string& select) {
    const auto answer = converse(port, sent("PUT", "/api/job", as_form + as_admin,
                                            "filter=action='to-be-selected'&select=" + select));
    return json::parse(answer.substr(answer.find("\r\n\r\n") + 4)).at("resources");
  };
  const auto row = rows("operations,progress").at(0);
  CHECK(row.size() == 3);
  CHECK(row.at("progress") == 0);
  std::string operations;
  for (const auto& operation : row.at("operations")) {
    operations += operation.at("rel").get<std::string>() + " ";
  }
  CHECK(operations == "edit delete cancel get-context ");
  CHECK(rows("state,created").at(0).size() == 3);
  CHECK(rows("nothing").at(0).size() == 1);
}

TEST_CASE("job-api: no search tells of hashes", "[api]") {
  const auto port = trusting_server().port();
  for (const std::string parameter :
       {"filter=hash^='$argon2'", "filter=id!=null and (digest>='a' or name='x')",
        "orderby=hash:desc", "orderby=digest"}) {
    INFO(parameter);
    const auto answer =
        converse(port, sent("PUT", "/api/credential", as_form + as_admin, parameter));
    CHECK(answer.starts_with("HTTP/1.1 400 "));
    CHECK(answer.find("cannot be searched") != std::string::npos);
  }
  const auto all = converse(port, sent("PUT", "/api/credential", as_form + as_admin));
  CHECK(all.starts_with("HTTP/1.1 200 "));
  CHECK(all.find("argon2") == std::string::npos);
}

// Sanitizers have allocators of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool own_allocator = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool own_allocator = true;
#else
constexpr bool own_allocator = false;
#endif
#else
constexpr bool own_allocator = false;
#endif

long kilobytes_held_by(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  std::string word;
  long kilobytes = -1;
  while (status >> word) {
    if (word == "RssAnon:") status >> kilobytes;
  }
  return kilobytes;
}

TEST_CASE("job-api: the memory of a password check is given back", "[api]") {
  const ApiServer server;
  const std::string login =
      R"({"template":{"href":"session-template/password","username":"admin","password":"no"}})";
  for (int count = 0; count < 3; ++count) {
    const auto answer = converse(server.port(), post("/api/session", login, as_json));
    CHECK(answer.starts_with("HTTP/1.1 403 "));
  }
  const auto held = kilobytes_held_by(server.pid());
  CHECK(held > 0);
  if (!own_allocator) CHECK(held < 16 * 1024);  // one check takes 19 MiB
}

TEST_CASE("job-api: a job survives kill -9, and sessions do too", "[api]") {
  ApiServer server;
  auto body = [&](asio::io_context& loop) -> awaitable<void> {
    cimi::ClientOptions options;
    options.url = server.url();
    options.user = api_admin;
    options.password = api_password;
    const auto client = cimi::make_http_client(loop, options);
    json job;
    job["action"] = "a";
    const auto added = co_await client->add("job", job);
    REQUIRE(added.ok());
    server.kill();
    server.restart();
    const auto read = co_await client->get(added.location);
    INFO(read.message);
    CHECK(read.ok());
  };
  run_on_loop(body, std::chrono::seconds(180));
}

TEST_CASE("job-api: SIGTERM ends it with 0", "[api]") {
  ApiServer server;
  CHECK(server.stop() == 0);
}

}  // namespace
}  // namespace jobengine::tests
