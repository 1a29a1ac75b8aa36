#include "api/cimi/search_parameters.hpp"

#include <catch2/catch.hpp>

#include "api/cimi/cimi_error.hpp"

namespace jobengine::api::cimi {
namespace {

SearchParameters read(const char* query) {
  http::Parameters parameters;
  REQUIRE(parameters.append(query));
  return read_search(parameters);
}

TEST_CASE("search: without limits the first 10000 are wanted", "[api]") {
  const auto search = read("");
  CHECK(search.offset == 0);
  CHECK(search.limit == 10000);
  CHECK_FALSE(search.filter);
  CHECK_FALSE(search.select);
}

TEST_CASE("search: first and last count from 1 and include both ends", "[api]") {
  CHECK(read("first=3&last=5").offset == 2);
  CHECK(read("first=3&last=5").limit == 3);
  CHECK(read("last=0").limit == 0);
  CHECK(read("first=5&last=4").limit == 0);
  CHECK(read("first=-7&last=2").limit == 2);
  CHECK(read("first=9999").limit == 2);
}

TEST_CASE("search: what is no integer is ignored, the first that is one counts", "[api]") {
  CHECK(read("last=x&last=7&last=9").limit == 7);
  CHECK(read("last=1.5").limit == 10000);
}

TEST_CASE("search: rows beyond 10000 are refused", "[api]") {
  CHECK(read("last=10000").limit == 10000);
  CHECK_THROWS_AS(read("last=10001"), CimiError);
  CHECK_THROWS_AS(read("first=10005&last=10010"), CimiError);
}

TEST_CASE("search: orderby names attributes, nested ones too", "[api]") {
  const auto order = read("orderby=created:desc, target-resource/href&orderby=a:dummy:asc,,").order;
  REQUIRE(order.size() == 3);
  CHECK(order[0].path == std::vector<std::string>{"created"});
  CHECK(order[0].descending);
  CHECK(order[1].path == std::vector<std::string>{"target-resource", "href"});
  CHECK_FALSE(order[1].descending);
  CHECK(order[2].path == std::vector<std::string>{"a:dummy"});
}

TEST_CASE("search: select is a list, also over several parameters", "[api]") {
  const auto search = read("select=id,%20state&select=action");
  CHECK(search.select == std::vector<std::string>{"id", "state", "action"});
}

TEST_CASE("search: several filters must all hold, a bad one is an error", "[api]") {
  const auto search = read("filter=a%3D1&filter=b%3D2");
  REQUIRE(search.filter);
  CHECK(search.filter->kind == filter::Node::Kind::And);
  CHECK_THROWS_AS(read("filter="), filter::FilterError);
}

TEST_CASE("search: aggregation is refused instead of ignored", "[api]") {
  CHECK_THROWS_AS(read("aggregation=terms:state"), CimiError);
}

}  // namespace
}  // namespace jobengine::api::cimi
