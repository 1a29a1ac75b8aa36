#include "common/cimi/cookies.hpp"

#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"

using namespace jobengine::cimi;
using jobengine::runtime::Failure;

TEST_CASE("cookies: what the server sets is sent, without its attributes", "[cimi]") {
  Cookies cookies;
  REQUIRE(cookies.header().empty());
  REQUIRE(cookies.absorb("a=1; Path=/; Expires=Wed, 21 Oct 2099 07:28:00 GMT; Secure"));
  REQUIRE(cookies.header() == "a=1");
  REQUIRE_FALSE(cookies.absorb("a=1; Path=/"));
  REQUIRE(cookies.absorb("a=2"));
  REQUIRE(cookies.header() == "a=2");
}

TEST_CASE("cookies: several joined by commas are told apart from dates", "[cimi]") {
  Cookies cookies;
  cookies.absorb("a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT, b=x=y; HttpOnly, c=3");
  REQUIRE(cookies.header() == "a=1; b=x=y; c=3");
}

TEST_CASE("cookies: one that is taken back is dropped", "[cimi]") {
  Cookies cookies;
  cookies.absorb("a=1, b=2, c=3");
  cookies.absorb("a=INVALID; Max-Age=0, b=; Path=/, c=9; max-age=0");
  REQUIRE(cookies.empty());
}

TEST_CASE("cookies: what could break out of the header is not taken", "[cimi]") {
  Cookies cookies;
  REQUIRE_FALSE(cookies.absorb("a=1\r\nX-Evil: 2"));
  REQUIRE_FALSE(cookies.absorb("=1"));
  REQUIRE_FALSE(cookies.absorb(""));
  REQUIRE(cookies.empty());
}

TEST_CASE("cookies: a cookie file of the Python client is read", "[cimi]") {
  // #LWP-Cookies-2.0 / Set-Cookie3: com.com.sixsq.nuvla.cookie=kept; path="/"; domain=x
  const std::string file =
      "I0xXUC1Db29raWVzLTIuMApTZXQtQ29va2llMzogY29tLmNvbS5zaXhzcS5udXZsYS5jb29raWU9a2VwdDsgcGF0aD0i"
      "\nLyI7IGRvbWFpbj14Cg==\n";
  REQUIRE(Cookies::from_lwp_base64(file).header() == "com.com.sixsq.nuvla.cookie=kept");
}

TEST_CASE("cookies: what is no such file is refused without showing it", "[cimi]") {
  for (const char* bad : {"", "!!!", "c2VjcmV0", "I0xXUC1Db29raWVzLTIuMAo="}) {
    CAPTURE(bad);
    REQUIRE_THROWS_AS(Cookies::from_lwp_base64(bad), Failure);
  }
  REQUIRE_THROWS_WITH(Cookies::from_lwp_base64("c2VjcmV0"), !Catch::Contains("secret"));
}
