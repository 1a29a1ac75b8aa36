// What stands beside the documents to find and count them quickly says what the documents say.
#include <catch2/catch.hpp>

#include "api/store/migrations.hpp"
#include "tests/support/awaited.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/api_store/many_jobs.hpp"

using namespace jobengine;
using namespace jobengine::api::store;
using nlohmann::json;

namespace {

SearchRequest counting(const std::string& filter) {
  SearchRequest request;
  request.collection = "job";
  request.visibility.everything = true;
  request.limit = 0;
  if (!filter.empty()) request.filter = api::filter::parse(filter);
  return request;
}

std::int64_t count(Store& store, const std::string& filter) {
  return tests::awaited(store.search(counting(filter))).count;
}

void expect_tally_and_tags(const std::string& file) {
  Connection connection(file, Connection::Access::Read);
  CHECK(connection.integer(
            "SELECT count(*) FROM (SELECT collection, acl, state, action, count(*) FROM resource "
            "GROUP BY 1, 2, 3, 4 EXCEPT SELECT collection, acl, state, action, documents FROM "
            "tally)") == 0);
  CHECK(connection.integer("SELECT coalesce(sum(documents), 0) FROM tally") ==
        connection.integer("SELECT count(*) FROM resource"));
  CHECK(connection.integer("SELECT count(*) FROM tally WHERE documents <= 0") == 0);
  const std::string tags =
      "SELECT value, resource.row FROM resource, json_each(document, '$.tags')";
  CHECK(connection.integer("SELECT count(*) FROM (" + tags + " EXCEPT SELECT * FROM tag)") == 0);
  CHECK(connection.integer("SELECT count(*) FROM (SELECT * FROM tag EXCEPT " + tags + ")") == 0);
}

}  // namespace

TEST_CASE("store: counts by state and tags follow every change", "[store][tally]") {
  const tests::TemporaryDirectory folder;
  const auto file = (folder.path() / "jobs.db").string();
  const auto store = open_sqlite_store(file);
  tests::fill(*store, 2100);
  expect_tally_and_tags(file);
  CHECK(count(*store, "") == 2100);
  CHECK(count(*store, "state='QUEUED'") == 21);
  CHECK(count(*store, "state='QUEUED' and action^='action_3'") ==
        count(*store, "state='QUEUED' and action^='action_3' and id^='job/'"));
  CHECK(count(*store, "tags='monitor'") == 2);
  tests::run_on_loop([&](asio::io_context&) -> awaitable<void> {
    co_await store->remove_matching(counting("state='FAILED'"));
    const Decide decide = [](const StoredDocument* current) {
      Decision decision{Decision::Kind::Put, current->document, false};
      decision.document["state"] = "RUNNING";
      decision.document["tags"] = {"monitor", "again"};
      return decision;
    };
    co_await store->change_matching(counting("state='QUEUED'"), decide);
    std::vector<Change> changes;
    changes.push_back({tests::past_job_id(0), [](const StoredDocument*) {
                         return Decision{Decision::Kind::Remove, {}, false};
                       }});
    co_await store->change(std::move(changes));
  });
  expect_tally_and_tags(file);
  CHECK(count(*store, "state='FAILED'") == 0);
  CHECK(count(*store, "state='QUEUED'") == 0);
  CHECK(count(*store, "tags='again'") == 21);
}

TEST_CASE("store: a database of the first version keeps all it has", "[store][tally]") {
  const tests::TemporaryDirectory folder;
  const auto file = (folder.path() / "jobs.db").string();
  constexpr int jobs = 50;
  {
    Connection connection(file, Connection::Access::ReadAndWrite);
    migrate(connection, file, /*versions=*/1);
    Statement insert(connection,
                     "INSERT INTO resource(id, collection, document, revision, awaits_entry, "
                     "acl, state, action) VALUES(?1, 'job', ?2, 1, 0, 0, ?3, ?4)");
    for (int number = 0; number < jobs; ++number) {
      const auto job = tests::past_job(number);
      const Use use(insert);
      use->bind(1, std::string_view(job.at("id").get_ref<const std::string&>()));
      use->bind(2, std::string_view(job.dump()));
      use->bind(3, std::string_view(job.at("state").get_ref<const std::string&>()));
      use->bind(4, std::string_view(job.at("action").get_ref<const std::string&>()));
      use->step();
    }
  }
  const auto store = open_sqlite_store(file);
  expect_tally_and_tags(file);
  CHECK(count(*store, "") == jobs);
  CHECK(count(*store, "name='batch-0'") == 1);
  for (int number = 0; number < jobs; ++number) {
    const auto stored = tests::awaited(store->get(tests::past_job_id(number)));
    REQUIRE(stored);
    CHECK(stored->document == tests::past_job(number));
  }
}
