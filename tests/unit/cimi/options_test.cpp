#include <catch2/catch.hpp>

#include "common/cimi/client.hpp"
#include "common/runtime/failure.hpp"

using namespace jobengine::cimi;
using Catch::Contains;

TEST_CASE("client options: URLs of other forms are refused by name", "[cimi]") {
  const auto complaint = [](const std::string& url) -> std::string {
    ClientOptions options;
    options.url = url;
    try {
      check(options);
      return {};
    } catch (const jobengine::runtime::Failure& failure) {
      return failure.what();
    }
  };
  for (const char* good : {"https://nuvla.io", "http://127.0.0.1:8200/", "http://[::1]:80",
                           "http://[::1]", "https://api"}) {
    CAPTURE(good);
    REQUIRE(complaint(good).empty());
  }
  for (const char* bad :
       {"", "nuvla.io", "ftp://x", "http://", "http://x:0", "http://x:y", "http://x:99999",
        "http://x/api", "http://u:p@x", "http://a b", "http://:80"}) {
    CAPTURE(bad);
    REQUIRE_THAT(complaint(bad), Catch::StartsWith("api-url \"") && Contains("expected http"));
  }
}

TEST_CASE("client options: half a login is refused", "[cimi]") {
  ClientOptions options;
  options.user = "me";
  REQUIRE_THROWS_WITH(check(options), "api-user is given without api-pass");
  options.password = "p";
  check(options);
  options.api_secret = "s";
  REQUIRE_THROWS_WITH(check(options), "api-secret is given without api-key");
}
