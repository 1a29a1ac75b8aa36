// The AGGREGATE and SELECT-ROWS vectors of filter_vectors.txt over its data set "bind", asked of
// the store: what the original's database answers.
#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <sstream>

#include "api/store/store.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api;
using namespace jobengine::api::store;
using nlohmann::json;

namespace {

std::vector<std::vector<std::string>> rows_of(const std::string& kind) {
  std::ifstream file(tests::source_directory() + "/tests/unit/api_filter/filter_vectors.txt");
  REQUIRE(file.good());
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    std::vector<std::string> columns;
    std::istringstream cells(line);
    for (std::string cell; std::getline(cells, cell, '\t');) columns.push_back(cell);
    if (columns.size() > 2 && columns[0] == kind && columns[1] == "bind") rows.push_back(columns);
  }
  return rows;
}

class Bind {
 public:
  Bind() : store_(open_sqlite_store((folder_.path() / "bind.db").string())) {
    std::vector<Change> changes;
    for (int number = 0; number < 4; ++number) {
      const bool low = number < 2;
      json document = {{"id", "test-collection/" + std::to_string(number)},
                       {low ? "admin" : "user", true},
                       {"number", low ? 1 : 2},
                       {"nested", {{"child", low ? "child1" : "child2"}}},
                       {"attr1", "attr1"},
                       {"attr2", "attr2"},
                       {"sequence", number}};
      document["acl"]["owners"] = {"group/nuvla-admin"};
      changes.push_back({document.at("id"), [document](const StoredDocument*) {
                           return Decision{Decision::Kind::Put, document, false};
                         }});
    }
    tests::run_on_loop(
        [&](asio::io_context&) -> awaitable<void> { co_await store_->change(std::move(changes)); });
  }

  SearchResult search(SearchRequest request) {
    request.collection = "test-collection";
    request.visibility.everything = true;
    request.order = {{{"id"}, false}};
    return tests::awaited(store_->search(std::move(request)));
  }

 private:
  tests::TemporaryDirectory folder_;
  std::unique_ptr<Store> store_;
};

}  // namespace

TEST_CASE("aggregations: every vector has the original's result", "[store][aggregations]") {
  using Kind = Aggregation::Kind;
  const std::map<std::string, Kind> kinds = {{"terms", Kind::Terms},
                                             {"min", Kind::Min},
                                             {"sum", Kind::Sum},
                                             {"cardinality", Kind::Cardinality}};
  Bind bind;
  const auto rows = rows_of("AGGREGATE");
  REQUIRE(rows.size() == 5);
  for (const auto& row : rows) {
    const auto asked = json::parse(row.at(2)).get<std::string>();
    CAPTURE(asked);
    const auto colon = asked.find(':');
    std::vector<std::string> path;
    std::istringstream names(asked.substr(colon + 1));
    for (std::string name; std::getline(names, name, '/');) path.push_back(name);
    SearchRequest request;
    request.limit = 0;
    request.aggregations = {{kinds.at(asked.substr(0, colon)), path, asked}};
    CHECK(bind.search(request).aggregations.at(asked) == json::parse(row.at(3)));
  }
}

TEST_CASE("filters: every vector selects the original's rows in the store too", "[store]") {
  Bind bind;
  const auto rows = rows_of("SELECT-ROWS");
  REQUIRE(rows.size() == 6);
  for (const auto& row : rows) {
    SearchRequest request;
    const auto text = json::parse(row.at(2)).get<std::string>();
    CAPTURE(text);
    request.filter = filter::parse(text);
    const auto found = bind.search(request);
    std::string ids;
    for (const auto& one : found.rows) ids += (ids.empty() ? "" : ",") + one.id.substr(16);
    const std::string expected = row.size() > 3 ? row.at(3) : "";
    if (expected.starts_with("count ")) {
      CHECK(found.count == std::stoi(expected.substr(6)));
    } else {
      CHECK(ids == expected);
    }
  }
}
