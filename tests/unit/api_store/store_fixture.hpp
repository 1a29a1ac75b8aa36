// A store in a folder of its own, and what the tests of stores ask of it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/store/store.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::tests::stores {

using namespace jobengine::api::store;
using nlohmann::json;

class OpenStore {
 public:
  OpenStore() { reopen(); }
  void reopen() {
    store.reset();
    store = open_sqlite_store(file());
  }
  std::string file() const { return (folder.path() / "jobs.db").string(); }

  TemporaryDirectory folder;
  std::unique_ptr<Store> store;
};

inline json job(const std::string& id, const json& more = json::object()) {
  json document = {{"id", id},
                   {"state", "QUEUED"},
                   {"action", "test"},
                   {"created", "2024-01-01T00:00:00.000Z"},
                   {"acl", {{"owners", {"group/nuvla-admin"}}}}};
  document.update(more);
  return document;
}

inline Change putting(const json& document, bool awaits_entry = false) {
  return {document.at("id"), [document, awaits_entry](const StoredDocument*) {
            return Decision{Decision::Kind::Put, document, awaits_entry};
          }};
}

inline Change removing(const std::string& id) {
  return {id, [](const StoredDocument*) { return Decision{Decision::Kind::Remove, {}, false}; }};
}

// A name for the type helps g++: nothing is built inside a statement that waits.
using Changes = std::vector<Change>;

inline awaitable<void> put_all(Store& store, std::vector<json> documents, bool awaits_entry) {
  Changes changes;
  for (const auto& document : documents) changes.push_back(putting(document, awaits_entry));
  co_await store.change(std::move(changes));
}

inline std::string ids(const SearchResult& result) {
  std::string text;
  for (const auto& row : result.rows) text += (text.empty() ? "" : ",") + row.id.substr(4);
  return text;
}

inline SearchRequest all_jobs(const std::string& filter = {}) {
  SearchRequest request;
  request.collection = "job";
  request.visibility.everything = true;
  request.order = {{{"id"}, false}};
  if (!filter.empty()) request.filter = api::filter::parse(filter);
  return request;
}

}  // namespace jobengine::tests::stores
