#include "api/http/response_head.hpp"

#include <catch2/catch.hpp>

namespace jobengine::api::http {
namespace {

Response of(int status, const std::string& body) {
  Response response;
  response.status = status;
  response.body = body;
  return response;
}

Exchange exchange_of(unsigned version, bool keep_alive) {
  Exchange exchange;
  exchange.version = version;
  exchange.keep_alive = keep_alive;
  return exchange;
}

TEST_CASE("response head: the length is that of the body, also for HEAD", "[api]") {
  const auto exchange = exchange_of(11, true);
  CHECK(head_of(of(200, "{}"), exchange) ==
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n");
  auto head = exchange;
  head.head = true;
  CHECK(head_of(of(200, "{}"), head) == head_of(of(200, "{}"), exchange));
}

TEST_CASE("response head: what has no body has no length", "[api]") {
  const auto exchange = exchange_of(11, true);
  CHECK(head_of(of(204, ""), exchange) == "HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(head_of(of(304, ""), exchange) == "HTTP/1.1 304 Not Modified\r\n\r\n");
  CHECK(head_of(of(302, ""), exchange) == "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n");
}

TEST_CASE("response head: what becomes of the connection is told where it is not understood",
          "[api]") {
  const auto says = [](unsigned version, bool keep_alive, const char* what) {
    const auto head = head_of(of(200, ""), exchange_of(version, keep_alive));
    return head.find(what) != std::string::npos;
  };
  CHECK(says(11, false, "\r\nConnection: close\r\n"));
  CHECK_FALSE(says(11, true, "Connection"));
  CHECK(says(10, true, "\r\nConnection: keep-alive\r\n"));
  CHECK_FALSE(says(10, false, "Connection"));
}

TEST_CASE("response head: a header that would break out of its line is left out", "[api]") {
  auto response = of(204, "");
  response.headers = {
      {"A", "1\r\nEvil: yes"}, {"B\n", "2"}, {"C", std::string("3\0", 2)}, {"D", "4"}};
  CHECK(head_of(response, exchange_of(11, true)) == "HTTP/1.1 204 No Content\r\nD: 4\r\n\r\n");
}

TEST_CASE("response head: chunk sizes are hexadecimal", "[api]") {
  CHECK(chunk_head(1) == "1\r\n");
  CHECK(chunk_head(65536) == "10000\r\n");
  CHECK(chunk_head(48879) == "beef\r\n");
}

}  // namespace
}  // namespace jobengine::api::http
