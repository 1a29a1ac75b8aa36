#include "api/http/form.hpp"

#include <catch2/catch.hpp>

namespace jobengine::api::http {
namespace {

TEST_CASE("form: names repeat, keep their order, and are decoded", "[api]") {
  Parameters parameters;
  REQUIRE(parameters.append("filter=state%3D%27QUEUED%27&select=id%2C+state&filter=a%3D1"));
  CHECK(parameters.all("filter") == std::vector<std::string>{"state='QUEUED'", "a=1"});
  CHECK(parameters.all("select") == std::vector<std::string>{"id, state"});
  CHECK_FALSE(parameters.has("last"));
}

TEST_CASE("form: a name without a value has an empty one", "[api]") {
  Parameters parameters;
  REQUIRE(parameters.append("filter&last=&&=x"));
  CHECK(parameters.all("filter") == std::vector<std::string>{""});
  CHECK(parameters.all("last") == std::vector<std::string>{""});
  CHECK(parameters.all("") == std::vector<std::string>{"x"});
}

TEST_CASE("form: broken percent-encoding is refused and leaves nothing behind", "[api]") {
  for (const char* bad : {"a=%", "a=%4", "a=%zz", "%q=1", "b=1&a=%", "a=%C3%28", "a=%ED%A0%80",
                          "a=%C0%AF", "a=%F5%80%80%80"}) {
    Parameters parameters;
    CHECK_FALSE(parameters.append(bad));
    CHECK(parameters.list().empty());
  }
}

TEST_CASE("form: what is beyond ASCII comes through", "[api]") {
  Parameters parameters;
  REQUIRE(parameters.append("name=%C3%A9%F0%9F%9A%80"));
  CHECK(parameters.all("name").at(0) == "é🚀");
}

}  // namespace
}  // namespace jobengine::api::http
