// Aggregations: over everything the caller may see, in Elasticsearch's shapes (spec 4.6).
#include <catch2/catch.hpp>

#include "api/store/store.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api::store;
using nlohmann::json;
using Kind = Aggregation::Kind;

namespace {

class Aggregated {
 public:
  Aggregated() : store_(open_sqlite_store((folder_.path() / "jobs.db").string())) {}

  void put(const std::string& id, json document) {
    document["id"] = "job/" + id;
    if (!document.contains("acl")) document["acl"] = {{"owners", {"group/nuvla-admin"}}};
    std::vector<Change> changes;
    changes.push_back({"job/" + id, [document](const StoredDocument*) {
                         return Decision{Decision::Kind::Put, document, false};
                       }});
    tests::run_on_loop(
        [&](asio::io_context&) -> awaitable<void> { co_await store_->change(std::move(changes)); });
  }

  SearchResult search(SearchRequest request) { return tests::awaited(store_->search(request)); }

  static SearchRequest request(Kind kind, std::vector<std::string> path) {
    SearchRequest request;
    request.collection = "job";
    request.visibility.everything = true;
    request.limit = 0;
    request.aggregations.push_back({kind, std::move(path), "it"});
    return request;
  }
  json of(Kind kind, std::vector<std::string> path) {
    return search(request(kind, std::move(path))).aggregations.at("it");
  }

 private:
  tests::TemporaryDirectory folder_;
  std::unique_ptr<Store> store_;
};

json bucket(const json& key, int count) {
  return {{"key", key}, {"doc_count", count}};
}

}  // namespace

TEST_CASE("aggregations: none asked for are an empty object", "[store][aggregations]") {
  Aggregated jobs;
  auto request = Aggregated::request(Kind::Sum, {"progress"});
  request.aggregations.clear();
  CHECK(jobs.search(request).aggregations == json::object());
}

TEST_CASE("aggregations: numbers", "[store][aggregations]") {
  Aggregated jobs;
  for (int i = 1; i <= 4; ++i) jobs.put(std::to_string(i), {{"progress", i * 10}, {"priority", i}});
  jobs.put("none", json::object());
  for (const auto& [name, scale] : {std::pair<std::string, double>("progress", 10.0),
                                    std::pair<std::string, double>("priority", 1.0)}) {
    CAPTURE(name);
    CHECK(jobs.of(Kind::Min, {name}) == json{{"value", 1 * scale}});
    CHECK(jobs.of(Kind::Max, {name}).dump() ==
          (scale > 1 ? R"({"value":40.0})" : R"({"value":4.0})"));
    CHECK(jobs.of(Kind::Sum, {name}) == json{{"value", 10 * scale}});
    CHECK(jobs.of(Kind::Avg, {name}) == json{{"value", 2.5 * scale}});
    CHECK(jobs.of(Kind::ValueCount, {name}) == json{{"value", 4}});
    CHECK(jobs.of(Kind::Cardinality, {name}) == json{{"value", 4}});
    CHECK(jobs.of(Kind::Missing, {name}) == json{{"doc_count", 1}});
    CHECK(jobs.of(Kind::Stats, {name}) == json{{"count", 4},
                                               {"min", 1 * scale},
                                               {"max", 4 * scale},
                                               {"avg", 2.5 * scale},
                                               {"sum", 10 * scale}});
  }
}

TEST_CASE("aggregations: extended stats tell the spread, of large numbers too",
          "[store][aggregations]") {
  Aggregated jobs;
  for (int i = 1; i <= 4; ++i) jobs.put(std::to_string(i), {{"duration", 1'000'000'000'000 + i}});
  const auto stats = jobs.of(Kind::ExtendedStats, {"duration"});
  CHECK(stats.at("count") == 4);
  CHECK(stats.at("sum_of_squares").get<double>() == Approx(4e24));
  CHECK(stats.at("variance") == 1.25);
  CHECK(stats.at("variance_population") == 1.25);
  CHECK(stats.at("variance_sampling").get<double>() == Approx(5.0 / 3));
  CHECK(stats.at("std_deviation").get<double>() == Approx(1.118033988));
  CHECK(stats.at("std_deviation_population") == stats.at("std_deviation"));
  CHECK(stats.at("std_deviation_sampling").get<double>() == Approx(1.290994448));
  const auto& bounds = stats.at("std_deviation_bounds");
  CHECK(bounds.size() == 6);
  CHECK(bounds.at("upper").get<double>() - bounds.at("lower").get<double>() ==
        Approx(4 * 1.118033988));
}

TEST_CASE("aggregations: of nothing there is no value", "[store][aggregations]") {
  Aggregated jobs;
  jobs.put("1", {{"state", "QUEUED"}});
  for (const auto& name : {"progress", "priority", "created"}) {
    CAPTURE(name);
    CHECK(jobs.of(Kind::Min, {name}) == json{{"value", nullptr}});
    CHECK(jobs.of(Kind::Max, {name}) == json{{"value", nullptr}});
    CHECK(jobs.of(Kind::Avg, {name}) == json{{"value", nullptr}});
    CHECK(jobs.of(Kind::Sum, {name}) == json{{"value", 0.0}});
    CHECK(jobs.of(Kind::Cardinality, {name}) == json{{"value", 0}});
    CHECK(jobs.of(Kind::Percentiles, {name}).at("values").at("50.0") == nullptr);
    CHECK(jobs.of(Kind::Terms, {name}).at("buckets") == json::array());
    const auto stats = jobs.of(Kind::ExtendedStats, {name});
    CHECK(stats.at("count") == 0);
    CHECK(stats.at("min") == nullptr);
    CHECK(stats.at("sum") == 0.0);
    CHECK(stats.at("variance") == nullptr);
    CHECK(stats.at("std_deviation_bounds").at("upper") == nullptr);
  }
}

TEST_CASE("aggregations: percentiles lie between their neighbours", "[store][aggregations]") {
  Aggregated jobs;
  for (int i = 0; i <= 100; i += 10) jobs.put(std::to_string(i), {{"progress", i}});
  const auto values = jobs.of(Kind::Percentiles, {"progress"}).at("values");
  CHECK(values.size() == 7);
  CHECK(values.at("1.0").get<double>() == Approx(1));
  CHECK(values.at("5.0").get<double>() == Approx(5));
  CHECK(values.at("25.0").get<double>() == Approx(25));
  CHECK(values.at("50.0").get<double>() == Approx(50));
  CHECK(values.at("75.0").get<double>() == Approx(75));
  CHECK(values.at("95.0").get<double>() == Approx(95));
  CHECK(values.at("99.0").get<double>() == Approx(99));
}

TEST_CASE("aggregations: the ten commonest terms, then by key", "[store][aggregations]") {
  Aggregated jobs;
  for (int i = 0; i < 12; ++i) {
    const std::string action(1, static_cast<char>('a' + i));
    jobs.put("x" + action, {{"action", action}, {"more", {{"action", action}}}});
  }
  jobs.put("again", {{"action", "l"}, {"more", {{"action", "l"}}}});
  for (const auto& path : {std::vector<std::string>{"action"}, {"more", "action"}}) {
    const auto terms = jobs.of(Kind::Terms, path);
    CHECK(terms.at("doc_count_error_upper_bound") == 0);
    CHECK(terms.at("sum_other_doc_count") == 2);
    const auto& buckets = terms.at("buckets");
    REQUIRE(buckets.size() == 10);
    CHECK(buckets[0] == bucket("l", 2));
    CHECK(buckets[1] == bucket("a", 1));
    CHECK(buckets[9] == bucket("i", 1));
  }
}

TEST_CASE("aggregations: each element of an array counts, a document once a bucket",
          "[store][aggregations]") {
  Aggregated jobs;
  jobs.put("1", {{"tags", {"a", "b", "a"}}, {"n", {1, 2, 3}}});
  jobs.put("2", {{"tags", {"a"}}, {"n", 4}});
  jobs.put("3", {{"tags", json::array()}, {"list", {{{"k", 1}}, {{"k", 2.5}}}}});
  CHECK(jobs.of(Kind::Terms, {"tags"}).at("buckets") == json{bucket("a", 2), bucket("b", 1)});
  CHECK(jobs.of(Kind::Missing, {"tags"}) == json{{"doc_count", 1}});
  CHECK(jobs.of(Kind::Sum, {"n"}) == json{{"value", 10.0}});
  CHECK(jobs.of(Kind::Sum, {"list", "k"}) == json{{"value", 3.5}});
  CHECK(jobs.of(Kind::Terms, {"list", "k"}).at("buckets") == json{bucket(1, 1), bucket(2.5, 1)});
}

TEST_CASE("aggregations: true and false are terms of their own", "[store][aggregations]") {
  Aggregated jobs;
  jobs.put("1", {{"flag", true}});
  jobs.put("2", {{"flag", true}});
  jobs.put("3", {{"flag", false}});
  CHECK(jobs.of(Kind::Terms, {"flag"}).at("buckets") ==
        json{{{"key", 1}, {"key_as_string", "true"}, {"doc_count", 2}},
             {{"key", 0}, {"key_as_string", "false"}, {"doc_count", 1}}});
}

TEST_CASE("aggregations: dates are milliseconds, with a text beside", "[store][aggregations]") {
  Aggregated jobs;
  // `updated` has a column, `started` has none.
  const std::string first = "2024-01-01T00:00:00.000Z";
  const std::string second = "2024-01-01T00:00:02.000Z";
  jobs.put("1", {{"updated", first}, {"started", first}});
  jobs.put("2", {{"updated", second}, {"started", second}});
  constexpr double start = 1704067200000;
  for (const auto& name : {"updated", "started"}) {
    CAPTURE(name);
    CHECK(jobs.of(Kind::Min, {name}) == json{{"value", start}, {"value_as_string", first}});
    CHECK(jobs.of(Kind::Avg, {name}) ==
          json{{"value", start + 1000}, {"value_as_string", "2024-01-01T00:00:01.000Z"}});
    const auto stats = jobs.of(Kind::Stats, {name});
    CHECK(stats.at("max") == start + 2000);
    CHECK(stats.at("max_as_string") == second);
    CHECK(jobs.of(Kind::Terms, {name}).at("buckets")[0] ==
          json{{"key", 1704067200000}, {"key_as_string", first}, {"doc_count", 1}});
    const auto values = jobs.of(Kind::Percentiles, {name}).at("values");
    CHECK(values.at("50.0") == start + 1000);
    CHECK(values.at("50.0_as_string") == "2024-01-01T00:00:01.000Z");
  }
}

TEST_CASE("aggregations: texts are not calculated with", "[store][aggregations]") {
  Aggregated jobs;
  jobs.put("1", {{"state", "QUEUED"}, {"message", "hello"}, {"n", 1}});
  jobs.put("2", {{"n", "one"}});
  for (const auto kind : {Kind::Min, Kind::Max, Kind::Sum, Kind::Avg, Kind::Stats,
                          Kind::ExtendedStats, Kind::Percentiles}) {
    for (const auto& name : {"state", "message", "n"}) {
      CAPTURE(name);
      CHECK_THROWS_AS(jobs.of(kind, {name}), api::filter::FilterError);
    }
  }
  CHECK_THROWS_WITH(jobs.of(Kind::Max, {"state"}),
                    Catch::Contains("it cannot be made: state holds texts, expected numbers"));
  CHECK(jobs.of(Kind::ValueCount, {"n"}) == json{{"value", 2}});
}

TEST_CASE("aggregations: an attribute nobody can have is missing everywhere",
          "[store][aggregations]") {
  Aggregated jobs;
  jobs.put("1", {{"state", "QUEUED"}});
  const std::vector<std::string> path = {"a\"b"};
  CHECK(jobs.of(Kind::Missing, path) == json{{"doc_count", 1}});
  CHECK(jobs.of(Kind::Terms, path).at("buckets") == json::array());
  CHECK(jobs.of(Kind::Max, path) == json{{"value", nullptr}});
}

TEST_CASE("aggregations: over all matches the caller may see, not over the page",
          "[store][aggregations]") {
  Aggregated jobs;
  for (int i = 1; i <= 9; ++i) {
    const std::string owner = i <= 5 ? "user/a" : "user/b";
    jobs.put(std::to_string(i), {{"acl", {{"owners", {owner}}}},
                                 {"state", i == 1 ? "FAILED" : "SUCCESS"},
                                 {"tags", {"t"}},
                                 {"progress", i}});
  }
  auto request = Aggregated::request(Kind::Sum, {"progress"});
  request.aggregations.push_back({Kind::Terms, {"tags"}, "tags"});
  request.aggregations.push_back({Kind::Terms, {"state"}, "state"});
  request.aggregations.push_back({Kind::Missing, {"parent-job"}, "orphans"});
  request.visibility = {false, {"user/a", "group/x"}};
  request.filter = api::filter::parse("state='SUCCESS' and id!='job/2'");
  request.limit = 1;
  const auto result = jobs.search(request);
  CHECK(result.rows.size() == 1);
  CHECK(result.count == 3);
  CHECK(result.aggregations.at("it") == json{{"value", 3.0 + 4 + 5}});
  CHECK(result.aggregations.at("tags").at("buckets") == json::array({bucket("t", 3)}));
  CHECK(result.aggregations.at("state").at("buckets") == json::array({bucket("SUCCESS", 3)}));
  CHECK(result.aggregations.at("orphans") == json{{"doc_count", 3}});
}
