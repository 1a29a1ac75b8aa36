#include "api/http/request_reader.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <string>
#include <vector>

namespace jobengine::api::http {
namespace {

using namespace std::string_literals;

constexpr RequestLimits limits{1000, 2000};

// What becomes of these bytes when they arrive in pieces of that size.
struct Outcome {
  bool done = false;
  Refusal refusal;
  Request request;
  std::size_t taken = 0;
};

Outcome read(const std::string& bytes, std::size_t piece) {
  RequestReader reader(limits);
  Outcome outcome;
  std::size_t arrived = 0;
  while (arrived < bytes.size() && !reader.done() && reader.refusal().status == 0) {
    arrived = std::min(arrived + piece, bytes.size());
    outcome.taken +=
        reader.take(std::string_view(bytes).substr(outcome.taken, arrived - outcome.taken));
  }
  outcome.done = reader.done();
  outcome.refusal = reader.refusal();
  if (outcome.done) outcome.request = reader.release();
  return outcome;
}

const std::vector<std::size_t> pieces{1, 7, 100000};

std::string get(const std::string& headers) {
  return "GET /a HTTP/1.1\r\n" + headers + "\r\n";
}
std::string chunked(const std::string& body) {
  return "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + body;
}

void expect_refused(int status, const std::vector<std::string>& requests) {
  for (const auto& request : requests) {
    for (const auto piece : pieces) {
      INFO("in pieces of " << piece << ": " << request.substr(0, 300));
      const auto outcome = read(request, piece);
      CHECK_FALSE(outcome.done);
      CHECK(outcome.refusal.status == status);
    }
  }
}

void expect_body(const std::string& body, const std::vector<std::string>& requests) {
  for (const auto& request : requests) {
    for (const auto piece : pieces) {
      INFO("in pieces of " << piece << ": " << request.substr(0, 300));
      const auto outcome = read(request, piece);
      CHECK(outcome.refusal.status == 0);
      CHECK(outcome.done);
      CHECK(outcome.request.body == body);
    }
  }
}

TEST_CASE("request reader: bodies with a length, in chunks, with extensions and trailers",
          "[api]") {
  expect_body("abc", {
                         "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
                         "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 003\r\n\r\nabc",
                         chunked("3\r\nabc\r\n0\r\n\r\n"),
                         chunked("1\r\na\r\n02\r\nbc\r\n000\r\n\r\n"),
                         chunked("3;name=value\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"),
                         "\r\n\r\nPOST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
                     });
}

TEST_CASE("request reader: what follows a request is left for the next", "[api]") {
  const auto first = get("Host: x\r\n");
  const auto outcome = read(first + "GET /b HTTP", 100000);
  CHECK(outcome.done);
  CHECK(outcome.taken == first.size());
}

TEST_CASE("request reader: chunk sizes that are none are refused", "[api]") {
  expect_refused(400, {
                          chunked("-1\r\nabc\r\n0\r\n\r\n"),
                          chunked("+3\r\nabc\r\n0\r\n\r\n"),
                          chunked("0x3\r\nabc\r\n0\r\n\r\n"),
                          chunked("g\r\nabc\r\n0\r\n\r\n"),
                          chunked("\r\nabc\r\n0\r\n\r\n"),
                          chunked("3 3\r\nabc\r\n0\r\n\r\n"),
                          chunked("3\nabc\r\n0\r\n\r\n"),
                          chunked("3\r\nabcd\r\n0\r\n\r\n"),
                          chunked("3\r\nabcX0\r\n\r\n"),
                          chunked("3\r\nabc0\r\n\r\n"),
                          chunked("10000000000000003\r\nabc\r\n0\r\n\r\n"),
                          chunked("ffffffffffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
                          // Neither ends: nothing may be kept of them without a bound.
                          chunked("3;" + std::string(5000, 'x')),
                          chunked("3\r\nabc\r\n0\r\nTrailer: " + std::string(5000, 'x')),
                      });
}

TEST_CASE("request reader: where a body ends is beyond doubt", "[api]") {
  const std::string host = "Host: x\r\n";
  const std::string length = "Content-Length: 3\r\n";
  const std::string in_chunks = "Transfer-Encoding: chunked\r\n";
  const std::string body = "\r\nabc\r\n0\r\n\r\n";
  const std::string post = "POST /a HTTP/1.1\r\n" + host;
  expect_refused(400, {
                          post + length + in_chunks + body,
                          post + in_chunks + length + body,
                          post + length + "Content-Length: 4\r\n" + body,
                          post + length + length + body,
                          post + "Content-Length: 3, 3\r\n" + body,
                          post + "Content-Length: -3\r\n" + body,
                          post + "Content-Length: +3\r\n" + body,
                          post + "Content-Length: 0x3\r\n" + body,
                          post + "Content-Length: 3 3\r\n" + body,
                          post + "Content-Length:\r\n" + body,
                          post + "Content-Length: 99999999999999999999999\r\n" + body,
                          post + in_chunks + in_chunks + body,
                          post + in_chunks + "Transfer-Encoding: identity\r\n" + body,
                          post + "Transfer-Encoding : chunked\r\n" + body,
                          post + "Transfer-Encoding\r\n : chunked\r\n" + body,
                          post + "Content-Length : 3\r\n" + body,
                          "POST /a HTTP/1.0\r\n" + host + in_chunks + body,
                          post +
                              "Transfer-Encoding: \x0b"
                              "chunked\r\n" +
                              body,
                      });
  expect_refused(501, {
                          post + "Transfer-Encoding: xchunked\r\n" + body,
                          post + "Transfer-Encoding: chunked, chunked\r\n" + body,
                          post + "Transfer-Encoding: gzip, chunked\r\n" + body,
                          post + "Transfer-Encoding: chunked, identity\r\n" + body,
                          post + "Transfer-Encoding: \"chunked\"\r\n" + body,
                      });
}

TEST_CASE("request reader: headers that are none are refused", "[api]") {
  const std::string host = "Host: x\r\n";
  expect_refused(400, {
                          get(host + "Name : value\r\n"),
                          get(host + "Na me: value\r\n"),
                          get(host + ": value\r\n"),
                          get(host + "Name\r\n"),
                          get(" Name: value\r\n" + host),
                          get(host + "Name: a\0b\r\n"s),
                          get(host + "Na\0me: a\r\n"s),
                          get(host + "Name: a\rb\r\n"),
                          get("Host: x\r\nHost: y\r\n"),
                          get("Name: value\r\n"),
                          "GET / HTTP/1.1\nHost: x\n\n",
                          "GET / HTTP/1.1\r\nHost: x\n\r\n",
                      });
  expect_refused(431, {get(host + "Name: " + std::string(5000, 'x') + "\r\n"),
                       get(host + "Name: " + std::string(5000, 'x')),
                       "GET /" + std::string(5000, 'x') + " HTTP/1.1\r\n" + host + "\r\n",
                       std::string(5000, 'x')});
}

TEST_CASE("request reader: request lines that are none are refused", "[api]") {
  const std::string rest = "\r\nHost: x\r\n\r\n";
  expect_refused(400, {
                          "GET  / HTTP/1.1" + rest,
                          "GET / HTTP/1.1 " + rest,
                          "GET /a b HTTP/1.1" + rest,
                          " GET / HTTP/1.1" + rest,
                          "GET /\0 HTTP/1.1"s + rest,
                          "GET /\x01 HTTP/1.1" + rest,
                          "GET\t/ HTTP/1.1" + rest,
                          "GET HTTP/1.1" + rest,
                          "G@T / HTTP/1.1" + rest,
                          "GET / HTTP/2.0" + rest,
                          "GET / HTTP/1.11" + rest,
                          "GET / http/1.1" + rest,
                          "GET /" + rest,
                          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                          "CONNECT other:443 HTTP/1.1" + rest,
                          "GET a/b HTTP/1.1" + rest,
                          "GET ftp://other/a HTTP/1.1" + rest,
                          "GET http:/other/a HTTP/1.1" + rest,
                      });
}

TEST_CASE("request reader: a body over the limit is refused before it is there", "[api]") {
  const std::string begin = "POST /a HTTP/1.1\r\nHost: x\r\n";
  expect_refused(413, {begin + "Content-Length: 2001\r\n\r\n",
                       begin + "Content-Length: 18446744073709551615\r\n\r\n", chunked("7d1\r\n"),
                       chunked("ffffffffffffffff\r\n"),
                       chunked("3e8\r\n" + std::string(1000, 'x') + "\r\n3e9\r\n")});
}

TEST_CASE("request reader: an absolute target means its path, and its host", "[api]") {
  const auto of = [](const std::string& target) {
    return read("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n", 100000).request;
  };
  CHECK(of("http://other:1/api/job?first=1").target == "/api/job?first=1");
  CHECK(of("http://other:1/api/job?first=1").header("host") == "other:1");
  CHECK(of("HTTPS://other").target == "/");
  CHECK(of("http://other?a=b").target == "/?a=b");
  CHECK(of("/http://other").target == "/http://other");
  CHECK(of("//other/api").target == "//other/api");
  CHECK(of("*").target == "*");
}

TEST_CASE("request reader: a value over several lines is one line, as RFC 9112 5.2 has it",
          "[api]") {
  const auto outcome = read(get("Host: x\r\nName: a\r\n  b\r\n\tc\r\n"), 100000);
  CHECK(outcome.done);
  CHECK(outcome.request.header("name") == "a b c");
}

TEST_CASE("request reader: 100-continue is asked for once, and only before a body", "[api]") {
  RequestReader waiting(limits);
  const auto header =
      "PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n"s;
  CHECK(waiting.take(header) == header.size());
  CHECK(waiting.wants_continue());
  CHECK_FALSE(waiting.wants_continue());
  RequestReader sent(limits);
  sent.take(header + "abc");
  CHECK_FALSE(sent.wants_continue());
  RequestReader refused(limits);
  refused.take(
      "PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9999\r\n\r\n");
  CHECK_FALSE(refused.wants_continue());
  CHECK(refused.refusal().status == 413);
}

TEST_CASE("request reader: a POST to the path of bulk requests may be longer", "[api]") {
  RequestLimits wider = limits;
  wider.bulk_path = "/api/job";
  wider.bulk_body = 5000;
  const auto refusal = [&](const std::string& start, std::size_t length, bool announced) {
    RequestReader reader(wider);
    const std::string body(length, 'a');
    const auto head = start + " HTTP/1.1\r\nHost: x\r\n";
    std::array<char, 32> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", length);
    const auto bytes =
        announced
            ? head + "Content-Length: " + std::to_string(length) + "\r\n\r\n" + body
            : head + "Transfer-Encoding: chunked\r\n\r\n" + size.data() + body + "\r\n0\r\n\r\n";
    const auto taken = reader.take(bytes);
    const bool more = reader.refusal().status == 0 && !reader.done();
    if (more) reader.take(std::string_view(bytes).substr(taken));
    CHECK(reader.done() == (reader.refusal().status == 0));
    return reader.refusal().status;
  };
  for (const bool announced : {true, false}) {
    for (const char* bulk : {"POST /api/job", "POST /api/job/", "POST /api/job?a=b"}) {
      CHECK(refusal(bulk, 5000, announced) == 0);
      CHECK(refusal(bulk, 5001, announced) == 413);
    }
    for (const char* other : {"PUT /api/job", "POST /api/jobs", "POST /api/job/1", "POST /api"}) {
      CHECK(refusal(other, 2000, announced) == 0);
      CHECK(refusal(other, 2001, announced) == 413);
    }
  }
}

}  // namespace
}  // namespace jobengine::api::http
