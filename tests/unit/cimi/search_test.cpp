#include "common/cimi/search.hpp"

#include <catch2/catch.hpp>

#include "common/runtime/failure.hpp"

using namespace jobengine::cimi;
using jobengine::runtime::Failure;

TEST_CASE("search: the form leaves empty parts out and encodes the rest", "[cimi]") {
  REQUIRE(form({}).empty());
  Search search;
  search.filter = "name='Zürich + x'";
  search.first = 1;
  search.last = 0;
  REQUIRE(form(search) == "filter=name%3D%27Z%C3%BCrich%20%2B%20x%27&first=1&last=0");
}

TEST_CASE("search: texts are quoted by the kind of quote they do not hold", "[cimi]") {
  REQUIRE(quoted("plain") == "'plain'");
  REQUIRE(quoted("it's") == "\"it's\"");
  REQUIRE(quoted("a \"b\"") == "'a \"b\"'");
  REQUIRE_THROWS_AS(quoted("'\""), Failure);
  REQUIRE(quoted_list({}) == "[]");
  REQUIRE(quoted_list({"a", "b's"}) == "['a', \"b's\"]");
}
