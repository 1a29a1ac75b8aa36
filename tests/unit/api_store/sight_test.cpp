// What a caller may not see of a document, no search tells: neither by what it finds, nor by the
// order, nor by counts and aggregations.
#include <catch2/catch.hpp>

#include "api/access/acl.hpp"
#include "api/store/migrations.hpp"
#include "api/store/sqlite_connection.hpp"
#include "api/store/store.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api;
using namespace jobengine::api::store;
using nlohmann::json;

namespace {

// Of three jobs user/jane sees the metadata of the first, the data of the second, all of the third.
std::vector<json> jobs() {
  std::vector<json> documents;
  for (const auto& [number, right] :
       {std::pair(1, "view-meta"), std::pair(2, "view-data"), std::pair(3, "view-acl")}) {
    json job = {{"id", "job/" + std::to_string(number)},
                {"name", "n" + std::to_string(number)},
                {"state", "RUNNING"},
                {"priority", 10 * number},
                {"payload", "secret"},
                {"progress", number}};
    job["acl"] = access::normalised_acl({{"owners", {"user/joe"}}, {right, {"user/jane"}}});
    documents.push_back(std::move(job));
  }
  return documents;
}

awaitable<void> put_all(Store* store, std::vector<json> documents) {
  std::vector<Change> changes;
  for (const auto& document : documents) {
    changes.push_back({document.at("id"), [document](const StoredDocument*) {
                         return Decision{Decision::Kind::Put, document, false};
                       }});
  }
  co_await store->change(std::move(changes));
}

class Jobs {
 public:
  Jobs() : store(open_sqlite_store((folder_.path() / "jobs.db").string())) {
    tests::run_on_loop(
        [this](asio::io_context&) -> awaitable<void> { co_await put_all(store.get(), jobs()); });
  }

  static SearchRequest as(const char* user) {
    SearchRequest request;
    request.collection = "job";
    request.visibility.claims = {user, "group/nuvla-anon"};
    return request;
  }
  // "1,3"
  std::string found(const std::string& filter, const char* user = "user/jane") {
    auto request = as(user);
    request.filter = filter::parse(filter);
    const auto result = tests::awaited(store->search(request));
    CHECK(result.count == static_cast<std::int64_t>(result.rows.size()));
    return ids(result);
  }
  std::string sorted(const Ordering& by, const char* user = "user/jane") {
    auto request = as(user);
    request.order = {by};
    return ids(tests::awaited(store->search(request)));
  }
  static std::string ids(const SearchResult& result) {
    std::string list;
    for (const auto& row : result.rows) list += (list.empty() ? "" : ",") + row.id.substr(4);
    return list;
  }

 private:
  tests::TemporaryDirectory folder_;

 public:
  std::unique_ptr<Store> store;
};

}  // namespace

TEST_CASE("sight: a filter finds nothing out about what is not seen", "[store]") {
  Jobs jobs;
  CHECK(jobs.found("id!=null") == "1,2,3");
  CHECK(jobs.found("name^='n'") == "1,2,3");
  // On the document, on a column, full text, in lists, the other way round.
  for (const char* text :
       {"payload='secret'", "payload^='s'", "payload=='secret'", "payload!=null", "state='RUNNING'",
        "state=['RUNNING' 'QUEUED']", "state='RUNNING' or state='QUEUED'", "10<=priority",
        "state='RUNNING' and payload='secret' and progress<5", "(payload='secret' or state='x')"}) {
    CAPTURE(text);
    CHECK(jobs.found(text) == "2,3");
    CHECK(jobs.found(text, "user/joe") == "1,2,3");
  }
  // As if it were not there.
  CHECK(jobs.found("payload=null") == "1");
  CHECK(jobs.found("payload!='secret'") == "1");
  CHECK(jobs.found("payload!='other'") == "1,2,3");
  CHECK(jobs.found("state!='RUNNING' and payload!='secret'") == "1");
  CHECK(jobs.found("state!='RUNNING' or name='n2'") == "1,2");
  CHECK(jobs.found("name='n1' or payload='secret'") == "1,2,3");
}

TEST_CASE("sight: the acl is seen by view-acl and owners only", "[store]") {
  Jobs jobs;
  CHECK(jobs.found("acl/owners='user/joe'") == "3");
  CHECK(jobs.found("acl/owners!='user/joe'") == "1,2");
  CHECK(jobs.found("acl/view-meta='user/jane'") == "3");
  CHECK(jobs.found("acl/owners='user/joe'", "user/joe") == "1,2,3");
}

TEST_CASE("sight: what is not seen does not sort; it comes last", "[store]") {
  Jobs jobs;
  for (const auto& path :
       {std::vector<std::string>{"priority"}, std::vector<std::string>{"progress"}}) {
    CHECK(jobs.sorted({path, false}) == "2,3,1");
    CHECK(jobs.sorted({path, true}) == "3,2,1");
    CHECK(jobs.sorted({path, true}, "user/joe") == "3,2,1");
    CHECK(jobs.sorted({path, false}, "user/joe") == "1,2,3");
  }
  CHECK(jobs.sorted({{"name"}, true}) == "3,2,1");
}

TEST_CASE("sight: aggregations leave out what is not seen", "[store]") {
  Jobs jobs;
  auto request = Jobs::as("user/jane");
  using Kind = Aggregation::Kind;
  request.aggregations = {
      {Kind::Sum, {"priority"}, "column"},    {Kind::Sum, {"progress"}, "document"},
      {Kind::Terms, {"payload"}, "terms"},    {Kind::Missing, {"payload"}, "missing"},
      {Kind::Cardinality, {"name"}, "names"}, {Kind::Terms, {"acl", "owners"}, "owners"}};
  const auto result = tests::awaited(jobs.store->search(request)).aggregations;
  CHECK(result.at("column").at("value") == 50);
  CHECK(result.at("document").at("value") == 5);
  CHECK(result.at("terms").at("buckets").at(0).at("doc_count") == 2);
  CHECK(result.at("missing").at("doc_count") == 1);
  CHECK(result.at("names").at("value") == 3);
  CHECK(result.at("owners").at("buckets").at(0).at("doc_count") == 1);
}

TEST_CASE("sight: thousands of clauses on what is not seen take no longer", "[store]") {
  Jobs jobs;
  std::string text = "progress<0";
  for (int i = 0; i < 4000; ++i) text += " or a" + std::to_string(i) + ">'x'";
  CHECK(jobs.found(text).empty());
}

TEST_CASE("sight: documents of an older database are seen as far as their acl says", "[store]") {
  const tests::TemporaryDirectory folder;
  const auto file = (folder.path() / "old.db").string();
  {
    Connection connection(file, Connection::Access::ReadAndWrite);
    migrate(connection, file, /*versions=*/1);
    connection.run("INSERT INTO acl_set VALUES(1, '[]'), (2, '[\"user/jane\"]')");
    for (const auto& job : jobs()) {
      Statement insert(connection,
                       "INSERT INTO resource(id, collection, document, revision, awaits_entry, "
                       "acl, state) VALUES(?1, 'job', ?2, 1, 0, 2, 'RUNNING')");
      const auto id = job.at("id").get<std::string>();
      const auto text = job.dump();
      insert.bind(1, std::string_view(id));
      insert.bind(2, std::string_view(text));
      insert.step();
    }
  }
  const auto store = open_sqlite_store(file);
  auto request = Jobs::as("user/jane");
  request.filter = filter::parse("state='RUNNING'");
  CHECK(Jobs::ids(tests::awaited(store->search(request))) == "2,3");
  request.filter = filter::parse("acl/owners='user/joe'");
  CHECK(Jobs::ids(tests::awaited(store->search(request))) == "3");
  // What is written now has the same sets.
  tests::run_on_loop(
      [&](asio::io_context&) -> awaitable<void> { co_await put_all(store.get(), jobs()); });
  Connection connection(file, Connection::Access::Read);
  CHECK(connection.integer("SELECT count(DISTINCT acl) FROM resource") == 3);
  CHECK(connection.integer("SELECT count(*) FROM acl_set WHERE claims != '[]'") == 3);
}
