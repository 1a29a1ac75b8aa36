// What every store promises of searches, asked of the SQLite store.
#include <catch2/catch.hpp>

#include "api/store/sqlite_connection.hpp"
#include "tests/unit/api_store/store_fixture.hpp"

using namespace jobengine;
using namespace jobengine::tests::stores;

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
