#include "api/access/session_token.hpp"

#include <catch2/catch.hpp>

#include "api/access/secrets.hpp"

namespace jobengine::api::access {
namespace {

using nlohmann::json;

TEST_CASE("session token: what was issued is accepted until it expires", "[api]") {
  const SessionTokens tokens("key");
  const auto token = tokens.issue({{"user-id", "user/jane"}, {"exp", 1000}});
  REQUIRE(tokens.verify(token, 999));
  CHECK((*tokens.verify(token, 999))["user-id"] == "user/jane");
  CHECK_FALSE(tokens.verify(token, 1000));
}

TEST_CASE("session token: another key, another content or no signature is refused", "[api]") {
  const SessionTokens tokens("key");
  const auto token = tokens.issue({{"user-id", "user/jane"}, {"exp", 1000}});
  CHECK_FALSE(SessionTokens("other").verify(token, 1));
  const auto signature = token.substr(token.rfind('.'));
  const auto header = token.substr(0, token.find('.'));
  const auto forged = base64url(R"({"user-id":"user/admin","exp":1000})");
  CHECK_FALSE(tokens.verify(header + "." + forged + signature, 1));
  CHECK_FALSE(tokens.verify(header + "." + forged + ".", 1));
  const auto none = base64url(R"({"alg":"none"})");
  CHECK_FALSE(tokens.verify(none + "." + forged + ".", 1));
  for (const char* bad : {"", ".", "..", "a.b.c", "INVALID"}) CHECK_FALSE(tokens.verify(bad, 1));
}

TEST_CASE("session token: one without an end is refused", "[api]") {
  const SessionTokens tokens("key");
  CHECK_FALSE(tokens.verify(tokens.issue({{"user-id", "user/jane"}}), 1));
  CHECK_FALSE(tokens.verify(tokens.issue({{"exp", "never"}}), 1));
}

TEST_CASE("cookies: ours is found among others", "[api]") {
  CHECK(cookie_of("a=1; com.com.sixsq.nuvla.cookie=xyz; b=2") == "xyz");
  CHECK(cookie_of("com.com.sixsq.nuvla.cookie=\"xyz\"") == "xyz");
  CHECK_FALSE(cookie_of("a=1; xcom.com.sixsq.nuvla.cookie=xyz"));
  CHECK_FALSE(cookie_of(""));
}

TEST_CASE("base64url: every length comes back", "[api]") {
  for (std::size_t length = 0; length < 20; ++length) {
    const auto bytes = random_bytes(length);
    CHECK(from_base64url(base64url(bytes)) == bytes);
  }
  CHECK_FALSE(from_base64url("a+b"));
}

}  // namespace
}  // namespace jobengine::api::access
