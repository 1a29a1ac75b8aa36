// Filters mean the same as SQL and in memory: generated filters on generated documents, seeded.
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <random>
#include <set>

#include "api/access/acl.hpp"
#include "api/filter/evaluate.hpp"
#include "api/store/plain_columns.hpp"
#include "api/store/sqlite_connection.hpp"
#include "api/store/store.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api;
using nlohmann::json;

namespace {

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  json document(int number, const std::string& collection) {
    json result = {{"id", collection + "/" + std::to_string(number)},
                   {"created", pick(dates)},
                   {"acl", {{"owners", {"user/a"}}}}};
    if (chance(2)) result["updated"] = pick(dates);
    if (chance(2)) result["name"] = pick(texts);
    if (chance(2)) result["state"] = pick(texts);
    if (chance(2)) result["action"] = pick(texts);
    if (chance(2)) result["priority"] = static_cast<int>(below(1000));
    if (chance(2)) result["parent-job"] = pick(texts);
    if (chance(2)) result["target-resource"] = {{"href", pick(texts)}};
    if (chance(2)) result["expiry"] = pick(dates);
    if (chance(3)) result["expiry"] = value(1);
    for (const char* name : {"a", "b", "tags"}) {
      if (chance(2)) result[name] = value(2);
    }
    // Of jobs their schema makes sure of that.
    if (collection == "job" && result.contains("tags")) {
      result["tags"] = {pick(texts), pick(texts)};
    }
    return result;
  }

  // In normal form, with something for user/a or nothing.
  json acl() {
    static const std::vector<std::string> rights = {
        "owners", "view-meta", "view-data", "view-acl", "edit-data", "delete", "manage"};
    json acl = {{"owners", {"user/b"}}};
    acl[pick(rights)] = {"user/a"};
    if (chance(3)) acl[pick(rights)] = {chance(2) ? "user/a" : "group/c"};
    return access::normalised_acl(acl);
  }

  std::string filter(int depth) {
    if (depth == 0 || chance(3)) return comparison();
    std::string text = part(depth - 1);
    const std::string joint = chance(2) ? " and " : " or ";
    for (std::size_t more = 1 + below(3); more > 0; --more) text += joint + part(depth - 1);
    return text;
  }

 private:
  std::string part(int depth) {
    return depth == 0 || chance(2) ? comparison() : "(" + filter(depth) + ")";
  }

  std::string comparison() {
    const std::string path = pick(paths);
    const bool date = path == "created" || path == "updated" || path == "expiry";
    const auto literal = [&] { return date ? date_literal() : plain_literal(); };
    switch (below(date ? 6 : 8)) {
      case 0:
        return path + pick(equality) + "null";
      case 1: {
        std::string list;
        for (std::size_t count = below(4); count > 0; --count) {
          list += literal() + (count > 1 ? "," : "");
        }
        return path + pick(equality) + "[" + list + "]";
      }
      case 2:
        return path + pick(equality) + literal();
      case 3:
        return literal() + pick(order) + path;
      case 4:
      case 5:
        return path + pick(order) + literal();
      case 6:
        return path + "^='" + pick(texts).substr(0, below(4)) + "'";
      default:
        return path + (chance(2) ? pick(equality) + (chance(2) ? "true" : "false")
                                 : "=='" + pick(texts) + " | tr*'");
    }
  }

  std::string plain_literal() {
    return chance(3) ? std::to_string(below(12)) : "'" + pick(texts) + "'";
  }
  std::string date_literal() {
    if (chance(4)) return pick(dates);
    return "'" + pick(date_expressions) + "'";
  }

  json value(int depth) {
    switch (below(depth > 0 ? 9 : 6)) {
      case 0:
        return nullptr;
      case 1:
        return chance(2);
      case 2:
        return static_cast<int>(below(12)) - 2;
      case 3:
        return static_cast<double>(below(24)) / 2;
      case 4:
      case 5:
        return pick(texts);
      case 6:
        return json::object({{pick(names), value(depth - 1)}, {"b", value(depth - 1)}});
      default: {
        json list = json::array();
        for (std::size_t count = below(4); count > 0; --count) list.push_back(value(depth - 1));
        return list;
      }
    }
  }

  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>(0, end - 1)(random_);
  }
  bool chance(std::size_t one_in) { return below(one_in) == 0; }
  std::string pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

  const std::vector<std::string> texts = {"x",    "true", "xyz", "5",  "4.5",  "x%",    "X",
                                          "xy_z", "zé",   "",    "05", "tree", "false", "user/a"};
  const std::vector<std::string> dates = {"2024-01-01T00:00:00.000Z", "2024-01-31T23:59:59.999Z",
                                          "2024-02-01T01:00:00+02:00", "2023-12-31T00:00:00Z",
                                          "2024-06-15T12:30:00.5Z"};
  const std::vector<std::string> date_expressions = {
      "2024",          "2024-01",       "2024-01-31", "2024-02-01||-1d/d",
      "1706745600000", "2024-01-31T23", "now"};
  const std::vector<std::string> names = {"a", "b", "target-resource", "tags"};
  const std::vector<std::string> paths = {"id",
                                          "created",
                                          "updated",
                                          "state",
                                          "action",
                                          "priority",
                                          "parent-job",
                                          "expiry",
                                          "a",
                                          "b",
                                          "a/b",
                                          "a/a",
                                          "a/b/a",
                                          "b/a",
                                          "tags",
                                          "a/tags",
                                          "tags/b",
                                          "target-resource/href",
                                          "target-resource",
                                          "missing",
                                          "missing/b",
                                          "state/b",
                                          "name",
                                          "fulltext",
                                          "acl/owners",
                                          "acl/view-meta"};
  const std::vector<std::string> equality = {"=", "!="};
  const std::vector<std::string> order = {"<", "<=", ">", ">="};
  std::mt19937 random_;
};

filter::Millis now_millis() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

awaitable<void> put_all(store::Store& store, std::vector<json> documents) {
  std::vector<store::Change> changes;
  for (const auto& document : documents) {
    changes.push_back({document.at("id"), [document](const store::StoredDocument*) {
                         return store::Decision{store::Decision::Kind::Put, document, false};
                       }});
  }
  co_await store.change(std::move(changes));
}

// As it is seen by who asks; nothing: not at all.
using Seen = std::function<std::optional<json>(const json& document)>;

// Compares 500 filters; returns how many of them tell documents apart.
std::size_t compare(store::Store& store, const store::SearchRequest& whose,
                    const std::vector<json>& documents, const Seen& seen, Generator& generator) {
  std::size_t some = 0;
  for (int i = 0; i < 500; ++i) {
    const auto text = generator.filter(3);
    CAPTURE(text);
    auto request = whose;
    request.filter = filter::parse(text);
    std::set<std::string> found;
    for (const auto& row : tests::awaited(store.search(request)).rows) found.insert(row.id);
    std::set<std::string> expected;
    for (const auto& document : documents) {
      const auto shown = seen(document);
      if (shown && filter::matches(*request.filter, *shown, filter::FieldTypes{}, now_millis())) {
        expected.insert(document.at("id"));
      }
    }
    if (found != expected) {
      for (const auto& document : documents) {
        const auto id = document.at("id").get<std::string>();
        if (found.contains(id) == expected.contains(id)) continue;
        INFO((found.contains(id) ? "only the store: " : "only in memory: ") << document.dump());
        REQUIRE(found.contains(id) == expected.contains(id));
      }
    }
    if (!expected.empty() && expected.size() < documents.size()) ++some;
  }
  return some;
}

}  // namespace

TEST_CASE("filters: the store and the evaluation in memory select the same documents", "[store]") {
  const tests::TemporaryDirectory folder;
  const auto store = store::open_sqlite_store((folder.path() / "jobs.db").string());
  const std::string collection = GENERATE("job", "thing");
  Generator generator(20240131);
  std::vector<json> documents;
  for (int i = 0; i < 120; ++i) documents.push_back(generator.document(i, collection));
  tests::run_on_loop(
      [&](asio::io_context&) -> awaitable<void> { co_await put_all(*store, documents); });
  store::SearchRequest request;
  request.collection = collection;
  request.visibility.everything = true;
  const auto all = [](const json& document) { return std::optional<json>(document); };
  // Filters that select nothing or all would prove little.
  CHECK(compare(*store, request, documents, all, generator) > 150);
}

TEST_CASE("filters: the store selects by what the caller sees of each document", "[store]") {
  const tests::TemporaryDirectory folder;
  const auto store = store::open_sqlite_store((folder.path() / "jobs.db").string());
  const std::string collection = GENERATE("job", "thing");
  Generator generator(20240229);
  std::vector<json> documents;
  for (int i = 0; i < 120; ++i) {
    documents.push_back(generator.document(i, collection));
    documents.back()["acl"] = generator.acl();
  }
  tests::run_on_loop(
      [&](asio::io_context&) -> awaitable<void> { co_await put_all(*store, documents); });
  const auto who = access::make_identity("user/a", "", {"group/nuvla-user"}, "");
  store::SearchRequest request;
  request.collection = collection;
  request.visibility.claims = who.claims;
  const auto seen = [&who](const json& document) -> std::optional<json> {
    auto part = access::visible_part(document, who);
    if (part.is_null()) return std::nullopt;
    return part;
  };
  CHECK(compare(*store, request, documents, seen, generator) > 150);
}
