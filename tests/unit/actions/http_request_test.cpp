#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/unit/actions/builtin_action.hpp"

using namespace jobengine;
using Catch::Contains;
using Catch::StartsWith;
using nlohmann::json;

namespace {

// http_server.py as a child process.
class HttpServer {
 public:
  HttpServer() {
    std::array<int, 2> input{};
    std::array<int, 2> output{};
    REQUIRE(::pipe(input.data()) == 0);
    REQUIRE(::pipe(output.data()) == 0);
    const auto script = tests::source_directory() + "/tests/unit/actions/http_server.py";
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(input[0], 0);
      ::dup2(output[1], 1);
      for (const int end : {input[0], input[1], output[0], output[1]}) ::close(end);
      ::execl("/usr/bin/python3", "python3", script.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(input[0]);
    ::close(output[1]);
    input_ = input[1];
    std::string line;
    char c = 0;
    while (::read(output[0], &c, 1) == 1 && c != '\n') line += c;
    ::close(output[0]);
    REQUIRE_FALSE(line.empty());
    port_ = line;
  }
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer() {
    ::close(input_);
    ::waitpid(child_, nullptr, 0);
  }
  std::string url(const std::string& path) const { return "http://127.0.0.1:" + port_ + path; }

 private:
  pid_t child_ = -1;
  int input_ = -1;
  std::string port_;
};

struct Ran {
  testing::RunResult result;
  std::string status;
};

Ran run(const json& payload) {
  ::setenv("no_proxy", "*", 1);  // everything here is on the loopback
  testing::FakeHost host({.payload = payload.dump()});
  const auto result = tests::BuiltinAction("http_request").run(host);
  return {result, host.status()};
}

// What the server saw, from the status message.
json echoed(const Ran& ran) {
  REQUIRE(ran.result.return_code == 0);
  return json::parse(ran.status.substr(ran.status.find('\n') + 1));
}

}  // namespace

TEST_CASE("http_request: GET, and the answer becomes the status message", "[actions]") {
  const HttpServer server;
  const auto ran =
      run({{"url", server.url("/echo")}, {"headers", {{"X-Colour", "blue"}, {"X-Empty", ""}}}});
  REQUIRE_THAT(ran.status, StartsWith("HTTP 200 ("));
  const auto seen = echoed(ran);
  REQUIRE(seen["method"] == "GET");
  REQUIRE(seen["headers"]["x-colour"] == "blue");
  REQUIRE(seen["headers"]["x-empty"] == "");
  REQUIRE_THAT(seen["headers"]["user-agent"].get<std::string>(), StartsWith("job-engine/"));
}

TEST_CASE("http_request: sends a body with every method that takes one", "[actions]") {
  const HttpServer server;
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
    const auto text =
        echoed(run({{"url", server.url("/echo")}, {"method", method}, {"body", "a=b"}}));
    REQUIRE(text["method"] == method);
    REQUIRE(text["body"] == "a=b");
  }
  const auto typed =
      echoed(run({{"url", server.url("/echo")}, {"method", "post"}, {"body", {{"a", 1}}}}));
  REQUIRE(typed["body"] == R"({"a":1})");
  REQUIRE(typed["headers"]["content-type"] == "application/json");
  const auto own = echoed(run({{"url", server.url("/echo")},
                               {"method", "PUT"},
                               {"body", {{"a", 1}}},
                               {"headers", {{"content-type", "application/merge-patch+json"}}}}));
  REQUIRE(own["headers"]["content-type"] == "application/merge-patch+json");
  REQUIRE(echoed(run({{"url", server.url("/echo")}, {"method", "POST"}}))["method"] == "POST");
  REQUIRE(run({{"url", server.url("/echo")}, {"method", "HEAD"}}).result.return_code == 0);
}

TEST_CASE("http_request: a status that was not expected fails the job", "[actions]") {
  const HttpServer server;
  const auto refused = run({{"url", server.url("/status/503")}});
  REQUIRE(refused.result.return_code == 1);
  REQUIRE_THAT(refused.status, StartsWith("HTTP 503, expected was 2xx (7 bytes, "));
  REQUIRE_THAT(refused.status, Contains("\nsaid so"));
  REQUIRE(run({{"url", server.url("/status/503")}, {"expected-status", 503}}).result.return_code ==
          0);
  const json several = {{"url", server.url("/status/404")}, {"expected-status", {200, 404}}};
  REQUIRE(run(several).result.return_code == 0);
  const auto created = run({{"url", server.url("/status/201")}, {"expected-status", {200, 404}}});
  REQUIRE(created.result.return_code == 1);
  REQUIRE_THAT(created.status, Contains("expected was 200 or 404"));
}

TEST_CASE("http_request: follows redirects, but never away from http", "[actions]") {
  const HttpServer server;
  const auto followed = run({{"url", server.url("/redirect")}});
  REQUIRE(followed.result.return_code == 0);
  REQUIRE_THAT(followed.status, Contains(" from " + server.url("/echo")));
  const auto kept = run({{"url", server.url("/redirect")}, {"follow-redirects", false}});
  REQUIRE_THAT(kept.status, StartsWith("HTTP 302, expected was 2xx"));
  const auto file = run({{"url", server.url("/redirect-to-file")}});
  REQUIRE(file.result.return_code == 1);
  REQUIRE_THAT(file.status, Contains("file") && !Contains("root:"));
}

TEST_CASE("http_request: of a long answer the beginning is shown, and too long a one refused",
          "[actions]") {
  const HttpServer server;
  const auto refused = run({{"url", server.url("/large")}});
  REQUIRE(refused.result.return_code == 1);
  REQUIRE_THAT(refused.status, Contains("the answer is larger than 1048576 bytes"));
  const auto shown = run({{"url", server.url("/large")}, {"max-response-size", 4 << 20}});
  REQUIRE(shown.result.return_code == 0);
  REQUIRE_THAT(shown.status, Contains("(2097152 bytes, ") && Contains("[2093056 bytes more]"));
  REQUIRE(shown.status.size() < 5000);
}

TEST_CASE("http_request: an answer that is no text becomes valid UTF-8", "[actions]") {
  const HttpServer server;
  const auto ran = run({{"url", server.url("/binary")}});
  REQUIRE_NOTHROW(json(ran.status).dump());
  REQUIRE_THAT(ran.status, Catch::EndsWith("\na\xEF\xBF\xBD\xEF\xBF\xBD"
                                           "b"));
}

TEST_CASE("http_request: no answer in time fails the job", "[actions]") {
  const HttpServer server;
  const auto ran = run({{"url", server.url("/hang")}, {"timeout", 0.3}});
  REQUIRE(ran.result.return_code == 1);
  REQUIRE_THAT(ran.status, Contains("timed out"));
}

TEST_CASE("http_request: is broken off when the job is to stop", "[actions]") {
  const HttpServer server;
  testing::FakeHost host({.payload = json{{"url", server.url("/hang")}, {"timeout", 3600}}.dump()});
  ::setenv("no_proxy", "*", 1);
  std::thread stopper([&] { host.request_stop(); });
  const auto result = tests::BuiltinAction("http_request").run(host);
  stopper.join();
  REQUIRE(result.return_code == 1);
  REQUIRE_THAT(host.status(), Contains("stopped on request"));
}

TEST_CASE("http_request: who cannot be reached is named, without the password", "[actions]") {
  // Nobody listens on port 1 of the loopback.
  const auto ran = run({{"url", "http://jane:secret@127.0.0.1:1/path"}});
  REQUIRE(ran.result.return_code == 1);
  REQUIRE_THAT(ran.status, StartsWith("GET http://127.0.0.1:1/path: ") && !Contains("secret"));
}

TEST_CASE("http_request: a payload it does not understand fails the job and says why",
          "[actions]") {
  const auto message = [](const json& payload) {
    const auto ran = run(payload);
    REQUIRE(ran.result.outcome == JE_OUTCOME_FAILED);
    return ran.result.message;
  };
  const std::string url = "http://127.0.0.1:1/";
  REQUIRE_THAT(message(json::object()), Contains("\"url\" is missing"));
  REQUIRE_THAT(message({{"url", "ftp://127.0.0.1/"}}), Contains("an http:// or https:// URL"));
  REQUIRE_THAT(message({{"url", "file:///etc/passwd"}}), Contains("an http:// or https:// URL"));
  REQUIRE_THAT(message({{"url", "http://127.0.0.1/a b"}}), Contains("an http:// or https:// URL"));
  REQUIRE_THAT(message({{"url", url}, {"method", "GET /"}}), Contains("\"method\" must be"));
  REQUIRE_THAT(message({{"url", url}, {"headers", {{"A", "b\r\nC: d"}}}}),
               Contains("text on one line"));
  REQUIRE_THAT(message({{"url", url}, {"headers", {{"A:", "b"}}}}), Contains("header names"));
  REQUIRE_THAT(message({{"url", url}, {"expected-status", "200"}}), Contains("from 100 to 599"));
  REQUIRE_THAT(message({{"url", url}, {"expected-status", json::array()}}),
               Contains("a list of them"));
  REQUIRE_THAT(message({{"url", url}, {"verify", false}}), Contains("unknown key \"verify\""));
}
