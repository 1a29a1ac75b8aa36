// What every store promises, asked of the SQLite store.
#include "api/store/store.hpp"

#include <catch2/catch.hpp>
#include <thread>

#include "api/store/sqlite_connection.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api::store;
using nlohmann::json;

namespace {

class OpenStore {
 public:
  OpenStore() { reopen(); }
  void reopen() {
    store.reset();
    store = open_sqlite_store(file());
  }
  std::string file() const { return (folder.path() / "jobs.db").string(); }

  tests::TemporaryDirectory folder;
  std::unique_ptr<Store> store;
};

json job(const std::string& id, const json& more = json::object()) {
  json document = {{"id", id},
                   {"state", "QUEUED"},
                   {"action", "test"},
                   {"created", "2024-01-01T00:00:00.000Z"},
                   {"acl", {{"owners", {"group/nuvla-admin"}}}}};
  document.update(more);
  return document;
}

Change putting(const json& document, bool awaits_entry = false) {
  return {document.at("id"), [document, awaits_entry](const StoredDocument*) {
            return Decision{Decision::Kind::Put, document, awaits_entry};
          }};
}

Change removing(const std::string& id) {
  return {id, [](const StoredDocument*) { return Decision{Decision::Kind::Remove, {}, false}; }};
}

// A name for the type helps g++: nothing is built inside a statement that waits.
using Changes = std::vector<Change>;

awaitable<void> put_all(Store& store, std::vector<json> documents, bool awaits_entry) {
  Changes changes;
  for (const auto& document : documents) changes.push_back(putting(document, awaits_entry));
  co_await store.change(std::move(changes));
}

std::string ids(const SearchResult& result) {
  std::string text;
  for (const auto& row : result.rows) text += (text.empty() ? "" : ",") + row.id.substr(4);
  return text;
}

SearchRequest all_jobs(const std::string& filter = {}) {
  SearchRequest request;
  request.collection = "job";
  request.visibility.everything = true;
  request.order = {{{"id"}, false}};
  if (!filter.empty()) request.filter = api::filter::parse(filter);
  return request;
}

}  // namespace

TEST_CASE("store: put, get, replace, remove, and each change raises the revision", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    CHECK_FALSE(tests::awaited(store.get("job/1")));
    Changes first = {putting(job("job/1"))};
    const auto made = co_await store.change(std::move(first));
    REQUIRE(made.at(0));
    const auto stored = tests::awaited(store.get("job/1"));
    REQUIRE(stored);
    CHECK(stored->document == job("job/1"));
    CHECK(stored->revision == made[0]->revision);

    Changes second = {putting(job("job/1", {{"progress", 5}})), removing("job/none")};
    const auto changed = co_await store.change(std::move(second));
    CHECK(changed.at(0)->revision > stored->revision);
    CHECK_FALSE(changed.at(1));
    CHECK(tests::awaited(store.get("job/1"))->document.at("progress") == 5);

    Changes third = {removing("job/1")};
    const auto removed = co_await store.change(std::move(third));
    CHECK_FALSE(removed.at(0));
    CHECK_FALSE(tests::awaited(store.get("job/1")));

    // Made again, it gets no revision it had before.
    Changes fourth = {putting(job("job/1"))};
    const auto again = co_await store.change(std::move(fourth));
    CHECK(again.at(0)->revision > changed[0]->revision);
  });
}

TEST_CASE("store: a decision sees what earlier changes decided, and Keep leaves it", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Changes changes;
    changes.push_back(putting(job("job/1", {{"progress", 1}})));
    changes.push_back({"job/1", [](const StoredDocument* current) {
                         auto document = current->document;
                         document["progress"] = document["progress"].get<int>() + 10;
                         return Decision{Decision::Kind::Put, document, false};
                       }});
    changes.push_back({"job/1", [](const StoredDocument*) { return Decision{}; }});
    changes.push_back({"job/2", [](const StoredDocument* current) {
                         CHECK(current == nullptr);
                         return Decision{};
                       }});
    const auto results = co_await open.store->change(std::move(changes));
    CHECK(results.at(0)->document.at("progress") == 1);
    CHECK(results.at(2)->document.at("progress") == 11);
    CHECK_FALSE(results.at(3));
    CHECK(tests::awaited(open.store->get("job/1"))->document.at("progress") == 11);
  });
}

TEST_CASE("store: a thousand concurrent increments from several loops lose nothing", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    std::vector<json> documents = {job("job/1", {{"progress", 0}})};
    co_await put_all(*open.store, documents, false);
  });
  auto increment = [](Store& store) -> awaitable<void> {
    Changes changes;
    changes.push_back({"job/1", [](const StoredDocument* current) {
                         auto document = current->document;
                         document["progress"] = document["progress"].get<int>() + 1;
                         return Decision{Decision::Kind::Put, document, false};
                       }});
    co_await store.change(std::move(changes));
  };
  std::vector<std::thread> loops;
  for (int i = 0; i < 4; ++i) {
    loops.emplace_back([&open, &increment] {
      asio::io_context loop(1);
      runtime::TaskGroup group(loop.get_executor());
      for (int n = 0; n < 250; ++n) group.spawn(increment(*open.store));
      loop.run();
    });
  }
  for (auto& loop : loops) loop.join();
  CHECK(tests::awaited(open.store->get("job/1"))->document.at("progress") == 1000);
}

TEST_CASE("store: a change that fails hurts only its own caller", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context& loop) -> awaitable<void> {
    Store& store = *open.store;
    runtime::TaskGroup group(loop.get_executor());
    int done = 0;
    int failed = 0;
    auto attempt = [](Store& into, Changes changes, int& good, int& bad) -> awaitable<void> {
      try {
        co_await into.change(std::move(changes));
        ++good;
      } catch (const StoreUnavailable&) {
        FAIL("not the store's fault");
      } catch (const std::exception&) {
        ++bad;
      }
    };
    for (int i = 0; i < 30; ++i) {
      const auto id = "job/" + std::to_string(i);
      Changes changes = {putting(job(id))};
      if (i % 10 == 3) {
        changes.push_back({"job/x", [](const StoredDocument*) -> Decision {
                             throw std::runtime_error("cannot decide");
                           }});
      }
      if (i % 10 == 5) changes.push_back(putting(job("no collection")));
      if (i % 10 == 7) changes.push_back(putting(job("job/y", {{"name", "\xFF\xFE"}})));
      group.spawn(attempt(store, std::move(changes), done, failed));
    }
    co_await group.join();
    CHECK(done == 21);
    CHECK(failed == 9);
    CHECK(tests::awaited(store.search(all_jobs())).count == 21);
    CHECK_FALSE(tests::awaited(store.get("job/3")));
    CHECK_FALSE(tests::awaited(store.get("job/5")));
    CHECK(tests::awaited(store.get("job/4")));
  });
}

TEST_CASE("store: what was answered is there after reopening", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    std::vector<json> documents = {job("job/1"), job("job/2")};
    co_await put_all(*open.store, documents, true);
    co_await open.store->put_setting("cookie-key", "secret");
    co_await open.store->put_setting("cookie-key", "other");
  });
  const auto before = tests::awaited(open.store->get("job/1"));
  open.reopen();
  const auto after = tests::awaited(open.store->get("job/1"));
  REQUIRE(after);
  CHECK(after->document == before->document);
  CHECK(after->revision == before->revision);
  CHECK(after->awaits_entry);
  CHECK(tests::awaited(open.store->setting("cookie-key")) == "other");
  CHECK_FALSE(tests::awaited(open.store->setting("none")));
}

TEST_CASE("store: closing finishes the writes that are queued", "[store]") {
  OpenStore open;
  asio::io_context loop(1);
  runtime::TaskGroup group(loop.get_executor());
  for (int i = 0; i < 50; ++i) {
    std::vector<json> documents = {job("job/" + std::to_string(i))};
    group.spawn(put_all(*open.store, documents, false));
  }
  loop.poll();  // every write is queued now, some may be answered
  open.store.reset();
  loop.run();
  open.reopen();
  CHECK(tests::awaited(open.store->search(all_jobs())).count == 50);
}

TEST_CASE("store: only owners and those with view-meta see a document", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    const json admins = {{"acl", {{"owners", {"group/nuvla-admin"}}}}};
    const json shared = {{"acl", {{"owners", {"user/a"}}, {"view-meta", {"user/b", "group/c"}}}}};
    const json manage = {{"acl", {{"owners", {"user/d"}}, {"manage", {"user/b"}}}}};
    std::vector<json> documents = {job("job/1", admins), job("job/2", shared),
                                   job("job/3", manage)};
    co_await put_all(store, documents, false);
    const auto seen_by = [&store](const std::vector<std::string>& claims) {
      auto request = all_jobs();
      request.visibility = {false, claims};
      return ids(tests::awaited(store.search(request)));
    };
    CHECK(seen_by({"group/nuvla-admin"}) == "1");
    CHECK(seen_by({"user/a"}) == "2");
    CHECK(seen_by({"user/b", "group/c"}) == "2");
    CHECK(seen_by({"user/d", "user/a"}) == "2,3");
    CHECK(seen_by({}).empty());
    CHECK(ids(tests::awaited(store.search(all_jobs()))) == "1,2,3");
    // A changed acl counts at once.
    std::vector<json> changed = {job("job/1", shared)};
    co_await put_all(store, changed, false);
    CHECK(seen_by({"user/b"}) == "1,2");
    CHECK(seen_by({"group/nuvla-admin"}).empty());
  });
}

TEST_CASE("store: order by columns, nested paths and dates; missing values come last", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    std::vector<json> documents = {
        job("job/a", {{"progress", 9}, {"target-resource", {{"href", "x/3"}}}}),
        job("job/b", {{"progress", 10}, {"expiry", "2024-01-01T01:00:00+02:00"}}),
        job("job/c", {{"module", {{"name", "m1"}}}, {"expiry", "2024-01-01T00:00:00Z"}}),
        job("job/d", {{"module", {{"name", "m2"}}}, {"target-resource", {{"href", "x/1"}}}})};
    co_await put_all(store, documents, false);
    const auto ordered = [&store](std::vector<Ordering> order) {
      auto request = all_jobs();
      request.order = std::move(order);
      return ids(tests::awaited(store.search(request)));
    };
    CHECK(ordered({{{"id"}, true}}) == "d,c,b,a");
    CHECK(ordered({{{"progress"}, false}}) == "a,b,c,d");
    CHECK(ordered({{{"progress"}, true}}) == "b,a,d,c");
    CHECK(ordered({{{"target-resource", "href"}, false}}) == "d,a,b,c");
    CHECK(ordered({{{"target-resource", "href"}, true}}) == "a,d,c,b");
    CHECK(ordered({{{"module", "name"}, true}, {{"id"}, true}}) == "d,c,b,a");
    CHECK(ordered({{{"expiry"}, false}}) == "b,c,a,d");
    // Names no document has, and names that could break out of the statement.
    CHECK(ordered({{{"a:dummy"}, false}, {{"id"}, true}}) == "d,c,b,a");
    CHECK(ordered({{{"x\"; DROP TABLE resource; --"}, false}, {{"id"}, true}}) == "d,c,b,a");
    CHECK(ordered({{{"x'y"}, false}, {{""}, false}, {{"id"}, true}}) == "d,c,b,a");
  });
}

TEST_CASE("store: pages, counts, and counting alone", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    std::vector<json> documents;
    for (int i = 0; i < 9; ++i) {
      const json more = {{"state", i < 5 ? "QUEUED" : "SUCCESS"}};
      documents.push_back(job("job/" + std::to_string(i), more));
    }
    documents.push_back({{"id", "event/1"}, {"acl", {{"owners", {"user/a"}}}}});
    co_await put_all(store, documents, false);
    auto request = all_jobs("state='QUEUED'");
    CHECK(tests::awaited(store.search(request)).count == 5);
    request.limit = 2;
    request.offset = 1;
    CHECK(ids(tests::awaited(store.search(request))) == "1,2");
    CHECK(tests::awaited(store.search(request)).count == 5);
    request.offset = 4;
    CHECK(ids(tests::awaited(store.search(request))) == "4");
    CHECK(tests::awaited(store.search(request)).count == 5);
    request.offset = 100;
    CHECK(tests::awaited(store.search(request)).rows.empty());
    CHECK(tests::awaited(store.search(request)).count == 5);
    request.limit = 0;
    CHECK(tests::awaited(store.search(request)).rows.empty());
    CHECK(tests::awaited(store.search(request)).count == 5);
    SearchRequest nothing = all_jobs();
    nothing.collection = "nuvlabox";
    CHECK(tests::awaited(store.search(nothing)).count == 0);
  });
}

TEST_CASE("store: rows can be reduced to some attributes, and must not be too much", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    std::vector<json> documents;
    const std::string payload(10'000, 'x');
    for (int i = 0; i < 9; ++i) {
      documents.push_back(job("job/" + std::to_string(i), {{"payload", payload}}));
    }
    co_await put_all(store, documents, false);
    auto request = all_jobs();
    CHECK(tests::awaited(store.search(request)).rows.at(3).document == documents.at(3));
    request.most_bytes = 50'000;
    CHECK_THROWS_AS(tests::awaited(store.search(request)), api::filter::FilterError);
    request.limit = 4;
    CHECK(tests::awaited(store.search(request)).count == 9);
    request.limit = 10000;
    request.only = std::vector<std::string>{"state", "nothing", "state"};
    const auto found = tests::awaited(store.search(request));
    CHECK(found.count == 9);
    CHECK(found.rows.at(8).id == "job/8");
    CHECK(found.rows.at(8).document == json({{"state", "QUEUED"}}));
  });
}

TEST_CASE("store: filters it cannot answer are the client's error", "[store]") {
  OpenStore open;
  using api::filter::FilterError;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    std::vector<json> documents = {job("job/1")};  // of nothing, nothing is asked
    co_await put_all(*open.store, documents, false);
  });
  CHECK_THROWS_AS(tests::awaited(open.store->search(all_jobs("place within 'POINT(1 2)'"))),
                  FilterError);
  CHECK_THROWS_AS(tests::awaited(open.store->search(all_jobs("created>'soon'"))), FilterError);
  std::string many = "x='0'";
  for (int i = 1; i < 4000; ++i) many += " or x='" + std::to_string(i) + "'";
  CHECK(tests::awaited(open.store->search(all_jobs(many))).count == 0);
  std::string various = "x0='1'";
  for (int i = 1; i < 4000; ++i) various += " or x" + std::to_string(i) + "<'1'";
  CHECK(tests::awaited(open.store->search(all_jobs(various))).count == 0);
  const auto nested = [](int depth) {
    std::string filter = "x='0'";
    for (int i = 0; i < depth; ++i)
      filter = "(" + filter + (i % 2 == 0 ? ") and y='1'" : ") or y='1'");
    return filter;
  };
  CHECK(tests::awaited(open.store->search(all_jobs(nested(25)))).count == 0);
  CHECK_THROWS_AS(tests::awaited(open.store->search(all_jobs(nested(190)))), FilterError);
}

TEST_CASE("store: no filter takes long for its size alone", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    std::vector<json> documents = {job("job/1", {{"priority", 77}, {"payload", "70077"}}),
                                   job("job/2", {{"payload", "it's \"quoted\""}})};
    co_await put_all(store, documents, false);
    std::string numbers = "[";
    std::string texts = "[";
    for (int i = 0; i < 80000; ++i) {
      numbers += std::to_string(i) + " ";
      texts += "'" + std::to_string(i) + "' ";
    }
    numbers.back() = ']';
    texts += R"("it's \"quoted\"" 'it\'s' )";
    texts.back() = ']';
    const auto begun = runtime::Clock::now();
    CHECK(ids(tests::awaited(store.search(all_jobs("priority=" + numbers)))) == "1");
    CHECK(ids(tests::awaited(store.search(all_jobs("priority!=" + numbers)))) == "2");
    CHECK(ids(tests::awaited(store.search(all_jobs("payload=" + numbers)))) == "1");
    CHECK(ids(tests::awaited(store.search(all_jobs("payload=" + texts)))) == "1");
    std::string places = "id=['job/2'";
    for (int i = 3; i < 30000; ++i) places += " 'job/" + std::to_string(i) + "'";
    CHECK(ids(tests::awaited(store.search(all_jobs(places + "]")))) == "2");
    CHECK(runtime::Clock::now() - begun < std::chrono::seconds(60));
    std::string various = "x0='0'";
    for (int i = 1; i < 30000; ++i) various += " or x" + std::to_string(i) + "='1'";
    CHECK_THROWS_AS(tests::awaited(store.search(all_jobs(various))), api::filter::FilterError);
    std::string deep = "a";
    for (int i = 0; i < 100; ++i) deep += "/a";
    CHECK_THROWS_AS(tests::awaited(store.search(all_jobs(deep + "='x'"))),
                    api::filter::FilterError);
    auto odd = all_jobs();
    odd.order = {{{std::string("a\0b", 3)}, false}};
    CHECK(tests::awaited(store.search(odd)).count == 2);
  });
}

TEST_CASE("store: a statement ends when its time is over", "[store]") {
  OpenStore open;
  Connection connection(open.file(), Connection::Access::Read);
  const std::string endless =
      "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
  {
    const TimeLimit limit(connection, std::chrono::milliseconds(20));
    try {
      connection.integer(endless);
      FAIL("it has no end");
    } catch (const SqliteError& error) {
      CHECK(error.cause() == SqliteError::Cause::TooLong);
    }
  }
  CHECK(connection.integer("SELECT 7") == 7);
}

TEST_CASE("store: removes all that matches and nothing else", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    std::vector<json> documents;
    for (int i = 0; i < 1234; ++i) {
      const json more = {{"state", i % 2 == 0 ? "SUCCESS" : "QUEUED"}};
      documents.push_back(job("job/" + std::to_string(i), more));
    }
    co_await put_all(store, documents, false);
    auto request = all_jobs("state='SUCCESS'");
    request.limit = 1;  // a page is not what is asked for
    auto blind = request;
    blind.visibility = {false, {"user/a"}};
    const auto unseen = co_await store.remove_matching(blind);
    CHECK(unseen == 0);
    const auto removed = co_await store.remove_matching(request);
    CHECK(removed == 617);
    CHECK(tests::awaited(store.search(all_jobs())).count == 617);
    CHECK(tests::awaited(store.search(all_jobs("state!='QUEUED'"))).count == 0);
    const auto again = co_await store.remove_matching(request);
    CHECK(again == 0);
  });
}

TEST_CASE("store: jobs wait for entries by priority, then age; entries end the wait", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    std::vector<json> documents = {
        job("job/1", {{"created", "2024-01-02T00:00:00.000Z"}}),
        job("job/2", {{"created", "2024-01-03T00:00:00.000Z"}, {"priority", 50}}),
        job("job/3", {{"created", "2024-01-01T00:00:00.000Z"}}),
        job("job/4", {{"created", "2024-01-04T00:00:00.000Z"}, {"priority", 0}}),
        job("job/5", {{"state", "SUCCESS"}, {"tags", {"kept"}}})};
    co_await put_all(store, documents, true);
    std::vector<json> others = {job("job/6")};
    co_await put_all(store, others, false);
    const auto waiting = [&store](std::int64_t limit) {
      std::string text;
      for (const auto& entry : tests::awaited(store.awaiting_entries(limit))) {
        text += entry.id.substr(4) + ":" + std::to_string(entry.priority) + " ";
      }
      return text;
    };
    CHECK(waiting(10) == "4:0 2:50 3:999 5:999 1:999 ");
    CHECK(waiting(2) == "4:0 2:50 ");
    CHECK(tests::awaited(store.awaiting_count()) == 5);

    const auto revision = tests::awaited(store.get("job/4"))->revision;
    std::vector<Store::EntryMade> made = {{"job/4", "/job/entries/entry-000-0000000001"},
                                          {"job/5", "/job/entries/entry-999-0000000002"},
                                          {"job/none", "/job/entries/entry-999-0000000003"}};
    co_await store.entries_made(std::move(made));
    CHECK(waiting(10) == "2:50 3:999 1:999 ");
    CHECK(tests::awaited(store.get("job/4"))->document.at("tags") ==
          json{"/job/entries/entry-000-0000000001"});
    CHECK_FALSE(tests::awaited(store.get("job/4"))->awaits_entry);
    CHECK(tests::awaited(store.get("job/4"))->revision == revision);
    CHECK(tests::awaited(store.get("job/5"))->document.at("tags") == json{"kept"});
    CHECK(tests::awaited(store.get("job/5"))->document.at("state") == "SUCCESS");
    CHECK_FALSE(tests::awaited(store.get("job/none")));
  });
}

TEST_CASE("store: an entry is noted in the job's own tags, whatever else looks like them",
          "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    const json waiting = {"awaits-entry"};
    const json before = job("job/1", {{"state", "QUEUED"},
                                      {"tags", waiting},
                                      {"affected", {{"tags", waiting}}},
                                      {"payload", "\"tags\":[\"awaits-entry\"]"}});
    auto plain = before;
    plain["id"] = "job/2";
    plain.erase("affected");
    std::vector<json> documents = {before, plain};
    co_await put_all(store, documents, true);
    std::vector<Store::EntryMade> made = {{"job/1", "/job/entries/entry-999-0000000001"},
                                          {"job/2", "/job/entries/entry-999-0000000002"}};
    co_await store.entries_made(std::move(made));
    for (auto expected : documents) {
      const auto id = expected["id"].get<std::string>();
      expected["tags"] = json{"/job/entries/entry-999-000000000" + id.substr(4)};
      const auto after = tests::awaited(store.get(id));
      CHECK(after->document == expected);
      CHECK_FALSE(after->awaits_entry);
    }
    CHECK(tests::awaited(store.awaiting_count()) == 0);
  });
}

// The executor that took the entry can be quicker than we are at noting it: a bulk action leaves
// its job RUNNING with tags that others search for.
TEST_CASE("store: an entry noted late leaves the tags of the one who runs the job", "[store]") {
  OpenStore open;
  tests::run_on_loop([&open](asio::io_context&) -> awaitable<void> {
    Store& store = *open.store;
    std::vector<json> documents = {job("job/1", {{"state", "RUNNING"}, {"tags", {"monitor"}}}),
                                   job("job/2", {{"state", "RUNNING"}})};
    co_await put_all(store, documents, false);
    std::vector<Store::EntryMade> made = {{"job/1", "/job/entries/entry-999-0000000001"},
                                          {"job/2", "/job/entries/entry-999-0000000002"}};
    co_await store.entries_made(std::move(made));
    CHECK(tests::awaited(store.get("job/1"))->document.at("tags") == json{"monitor"});
    CHECK(tests::awaited(store.get("job/2"))->document.at("tags") ==
          json{"/job/entries/entry-999-0000000002"});
  });
}
