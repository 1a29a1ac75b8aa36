#include "api/access/client_address.hpp"

#include <catch2/catch.hpp>

namespace jobengine::api::access {
namespace {

http::Request request_with(std::vector<std::string> forwarded) {
  http::Request request;
  request.peer = "127.0.0.1";
  for (auto& value : forwarded) request.headers.emplace_back("x-forwarded-for", std::move(value));
  return request;
}

TEST_CASE("client address: the peer, unless a proxy is trusted", "[api]") {
  const auto request = request_with({"203.0.113.9"});
  CHECK(client_address(request, ForwardedFor::Ignored) == "127.0.0.1");
  CHECK(client_address(request, ForwardedFor::Trusted) == "203.0.113.9");
  CHECK(client_address(request_with({}), ForwardedFor::Trusted) == "127.0.0.1");
}

TEST_CASE("client address: only what the proxy itself added is believed", "[api]") {
  CHECK(client_address(request_with({"192.0.2.1, 203.0.113.9"}), ForwardedFor::Trusted) ==
        "203.0.113.9");
  CHECK(client_address(request_with({"192.0.2.1", " 203.0.113.9 "}), ForwardedFor::Trusted) ==
        "203.0.113.9");
  CHECK(client_address(request_with({"192.0.2.1", "unknown"}), ForwardedFor::Trusted) ==
        "127.0.0.1");
  CHECK(client_address(request_with({"192.0.2.1,"}), ForwardedFor::Trusted) == "127.0.0.1");
}

TEST_CASE("client address: what counts as one sender", "[api]") {
  CHECK(network_of("192.0.2.1") == "192.0.2.1");
  CHECK(network_of("::ffff:192.0.2.1") == "192.0.2.1");
  CHECK(network_of("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64");
  CHECK(network_of("").empty());
  CHECK(network_of("somewhere").empty());
}

}  // namespace
}  // namespace jobengine::api::access
