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

// What it is refused with; empty when it is not.
std::string refusal(const std::string& query) {
  try {
    read(query.c_str());
  } catch (const CimiError& error) {
    CHECK(error.status == 400);
    return error.what();
  }
  return {};
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
  CHECK(read("last=99999999999999999999&last=3").limit == 3);
  CHECK(read("last=%2B3").limit == 3);
  CHECK(read("last=%2B-3&last=4").limit == 4);
}

TEST_CASE("search: rows beyond 10000 are refused", "[api]") {
  CHECK(read("last=10000").limit == 10000);
  CHECK_THROWS_AS(read("last=10001"), CimiError);
  CHECK_THROWS_AS(read("first=10005&last=10010"), CimiError);
  CHECK(read("first=10001&last=0").limit == 0);
  CHECK(read("first=10001").limit == 0);
  for (const char* beyond : {"first=10002", "first=10002&last=0", "first=10003&last=5",
                             "first=9223372036854775807&last=9223372036854775807"}) {
    CHECK(refusal(beyond) ==
          "unexpected exception querying: First and last must be less than or equal to 10'000. "
          "Use filter to limit the number of returned resources.");
  }
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

TEST_CASE("search: nested attributes are sorted by with a slash or a dot", "[api]") {
  const std::vector<std::string> path = {"target-resource", "href"};
  CHECK(read("orderby=target-resource/href").order.at(0).path == path);
  CHECK(read("orderby=target-resource.href:desc").order.at(0).path == path);
  CHECK(read("aggregation=terms:target-resource.href").aggregations.at(0).path == path);
}

TEST_CASE("search: aggregations are an algorithm and an attribute each, once", "[api]") {
  using Kind = store::Aggregation::Kind;
  const auto found = read(
                         "aggregation=terms:state,%20max:progress,,max:progress&aggregation="
                         "extendedstats:target-resource/href")
                         .aggregations;
  REQUIRE(found.size() == 3);
  CHECK(found[0].kind == Kind::Terms);
  CHECK(found[0].key == "terms:state");
  CHECK(found[1].key == "max:progress");
  CHECK(found[2].kind == Kind::ExtendedStats);
  CHECK(found[2].key == "extended_stats:target-resource/href");
  CHECK(found[2].path == std::vector<std::string>{"target-resource", "href"});
  CHECK(read("").aggregations.empty());
  CHECK(read("aggregation=").aggregations.empty());
}

TEST_CASE("search: what is no aggregation is refused by name, not ignored", "[api]") {
  const std::string known =
      "min, max, sum, avg, stats, extendedstats, value_count, percentiles, cardinality, missing, "
      "terms";
  CHECK(refusal("aggregation=terms:state,median:progress") ==
        "aggregation 'median:progress': 'median' is no algorithm, expected one of " + known);
  CHECK(refusal("aggregation=Terms:state").find("'Terms' is no algorithm") != std::string::npos);
  for (const char* none : {"terms", "terms:", ":", "terms:a%20b"}) {
    CHECK(refusal(std::string("aggregation=") + none).find("expected <algorithm>:<attribute>") !=
          std::string::npos);
  }
}

TEST_CASE("search: the time series parameter is refused: it would pass by the rights", "[api]") {
  CHECK(refusal("tsds-aggregation=%7B%7D") == "tsds-aggregation is not supported, aggregation is");
}

TEST_CASE("search: more orderings or aggregations than make sense are refused", "[api]") {
  std::string order = "orderby=a";
  std::string aggregation = "aggregation=min:a0";
  for (int count = 1; count < 40; ++count) {
    order += ",a";
    aggregation += ",min:a" + std::to_string(count);
  }
  CHECK(refusal(order) == "orderby names 40 attributes, at most 32 are possible");
  CHECK(refusal(aggregation) == "40 aggregations are asked for, at most 32 are possible");
}

TEST_CASE("search: a timeout is a number of milliseconds", "[api]") {
  CHECK_FALSE(read("").timeout);
  CHECK(read("timeout=250&timeout=x").timeout == std::chrono::milliseconds(250));
  CHECK(read("timeout=9223372036854775807").timeout == std::chrono::hours(1));
  for (const char* bad : {"", "0", "-5", "1.5", "2s"}) {
    CHECK(refusal(std::string("timeout=") + bad) ==
          "timeout is '" + std::string(bad) + "', expected milliseconds: a whole number from 1");
  }
}

TEST_CASE("search: what the original accepts without effect is accepted", "[api]") {
  CHECK(read("format=json&expand=x&format=xml").limit == 10000);
}

}  // namespace
}  // namespace jobengine::api::cimi
