// What is kept of documents that were written lately is what the database holds.
#include "api/store/recent_documents.hpp"

#include <catch2/catch.hpp>

#include "api/store/sqlite_connection.hpp"
#include "api/store/store.hpp"
#include "common/runtime/failure.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

namespace jobengine::api::store {
namespace {

using nlohmann::json;

json running_job() {
  return {{"id", "job/1"},
          {"state", "RUNNING"},
          {"action", "test"},
          {"created", "2024-01-01T00:00:00.000Z"},
          {"acl", {{"owners", {"group/nuvla-admin"}}}}};
}

Change putting(const json& document, bool awaits_entry = false) {
  return {document.at("id"), [document, awaits_entry](const StoredDocument*) {
            return Decision{Decision::Kind::Put, document, awaits_entry};
          }};
}

Change removing(const std::string& id) {
  return {id, [](const StoredDocument*) { return Decision{Decision::Kind::Remove, {}, false}; }};
}

// As somebody who runs the job edits it: the result is a text.
Change editing(const std::string& id, const std::string& attribute, const json& value) {
  Change change;
  change.id = id;
  change.as_text = true;
  change.decide = [attribute, value](const StoredDocument* current) {
    Decision put;
    if (current == nullptr) return put;
    put.kind = Decision::Kind::Put;
    put.document = current->document;
    put.document[attribute] = value;
    put.awaits_entry = current->awaits_entry;
    return put;
  };
  return change;
}

json edited(Store& store, const std::string& attribute, const json& value) {
  const auto results = tests::awaited(store.change({editing("job/1", attribute, value)}));
  if (!results.at(0)) return nullptr;
  CHECK(results[0]->document.is_null());
  const auto stored = tests::awaited(store.get_text("job/1"));
  REQUIRE(stored);
  CHECK(results[0]->text == stored->document);
  CHECK(results[0]->revision == stored->revision);
  return json::parse(results[0]->text);
}

TEST_CASE("store: an edit finds what was changed since the one before, however it was", "[store]") {
  const tests::TemporaryDirectory folder;
  const auto file = (folder.path() / "jobs.db").string();
  const auto opened = open_sqlite_store(file);
  Store& store = *opened;
  const auto running = running_job();
  tests::awaited(store.change({putting(running, true)}));
  auto expected = running;
  const auto edit = [&](int progress) {
    expected["progress"] = progress;
    CHECK(edited(store, "progress", progress) == expected);
  };
  edit(1);
  edit(2);
  SECTION("its entry was noted") {
    tests::run_on_loop([&store](asio::io_context&) -> awaitable<void> {
      std::vector<Store::EntryMade> made = {{"job/1", "/job/entries/a"}};
      co_await store.entries_made(std::move(made));
    });
    expected["tags"] = {"/job/entries/a"};
  }
  SECTION("it was put by itself") {
    expected["name"] = "another";
    tests::awaited(store.change({putting(expected)}));
  }
  SECTION("it was removed") {
    tests::awaited(store.change({removing("job/1")}));
    CHECK(edited(store, "progress", 3).is_null());
    tests::awaited(store.change({putting(running)}));
    expected = running;
  }
  SECTION("it was removed with others") {
    SearchRequest all;
    all.collection = "job";
    all.visibility.everything = true;
    CHECK(tests::awaited(store.remove_matching(std::move(all))) == 1);
    CHECK(edited(store, "progress", 3).is_null());
    tests::awaited(store.change({putting(running)}));
    expected = running;
  }
  SECTION("it was changed by another program") {
    Connection other(file, Connection::Access::ReadAndWrite);
    other.run("UPDATE resource SET document = json_set(document, '$.name', 'by hand')");
    expected["name"] = "by hand";
  }
  SECTION("what it was changed to was rolled back with another change") {
    std::vector<Change> changes = {editing("job/1", "name", "lost"), editing("job/1", "name", "")};
    changes[1].decide = [](const StoredDocument*) -> Decision {
      throw runtime::Failure("no decision");
    };
    CHECK_THROWS_AS(tests::awaited(store.change(std::move(changes))), runtime::Failure);
  }
  edit(4);
}

}  // namespace
}  // namespace jobengine::api::store
