// No search that the engine or its users send walks over all jobs: what SQLite plans for each says
// by which index, and by which of its columns, it finds them.
#include <catch2/catch.hpp>

#include "api/store/migrations.hpp"
#include "api/store/selection.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::api::store;

namespace {

using Orders = std::vector<Ordering>;

struct Planned {
  std::string filter;
  Orders order;
};

const Orders newest = {{{"created"}, true}};
const Orders oldest = {{{"created"}, false}};
const std::string unfinished = "state=['QUEUED','RUNNING']";

const std::vector<Planned> searches = {
    // queue keeper, cancellation watch, executor
    {unfinished + " and execution-mode=['push','mixed']",
     {{{"priority"}, false}, {{"created"}, false}}},
    {unfinished + " and execution-mode=['push','mixed'] and (priority=null or priority>5 or "
                  "(priority=5 and created>='2026-01-01T00:00:00Z'))",
     {{{"priority"}, false}, {{"created"}, false}}},
    {"id=['job/1','job/2']", {}},
    {"id='job/1'", newest},
    // distributors: overlap skip, jobs posted already
    {unfinished + " and action='a' and target-resource/href=['t/1','t/2']", oldest},
    {unfinished + " and action='a' and target-resource/href=null", oldest},
    {"(" + unfinished +
         " and action='a' and target-resource/href=['t/1']) and created>='2026-01-01T00:00:00Z'",
     oldest},
    {"name^='mark'", oldest},
    // monitor_bulk_job, cancel_children_jobs, cleanup_jobs, retention
    {"parent-job='job/1'", newest},
    {"parent-job='job/1' and " + unfinished, {}},
    {"parent-job='job/1' and updated>'now-1d'", {}},
    {"id='job/1' and created>'now-1d'", {}},
    {"parent-job=['job/1','job/2'] and state=['RUNNING','QUEUED']", {}},
    {"state=['SUCCESS','FAILED','CANCELED'] and created<'now-30d'", {}},
    {"state=['SUCCESS','FAILED','CANCELED'] and updated<'now-30d'", {}},
    {"action^='a' and state='RUNNING' and tags='monitor'", {}},
    // jobctl
    {"state=['FAILED'] and action='a'", newest},
    {"name='batch'", newest},
    // the user interface
    {"target-resource/href='t/1'", newest},
    {"parent-job='job/1' and target-resource/href='t/1'", newest},
    {"action^='bulk' and (id=['job/1'] or (target-resource/href='t/1' and progress<100))", newest},
};

std::string plan_of(Connection& connection, const StatementText& text) {
  Statement statement(connection, "EXPLAIN QUERY PLAN " + text.sql);
  statement.bind_all(text.values);
  std::string plan;
  while (statement.step()) plan += statement.text(3) + "\n";
  return plan;
}

SearchRequest request_of(const Planned& search, bool everything) {
  SearchRequest request;
  request.collection = "job";
  request.filter = api::filter::parse(search.filter);
  request.order = search.order;
  request.limit = 20;
  request.visibility.everything = everything;
  if (!everything) request.visibility.claims = {"user/a", "group/b"};
  return request;
}

}  // namespace

TEST_CASE("store: no search of the engine or its users walks over all jobs", "[store][plans]") {
  const tests::TemporaryDirectory folder;
  const auto file = (folder.path() / "jobs.db").string();
  Connection connection(file, Connection::Access::ReadAndWrite);
  migrate(connection, file);
  struct Viewer {
    bool everything;
    Seen seen;
  };
  for (const auto& search : searches) {
    for (const auto viewer : {Viewer{true, Seen::Many}, {false, Seen::Many}, {false, Seen::Few}}) {
      const auto request = request_of(search, viewer.everything);
      const auto selection = selection_of(request, viewer.seen);
      for (const auto& text : {page_statement(selection, request), count_statement(selection)}) {
        const auto plan = plan_of(connection, text);
        INFO(search.filter << "\n" << text.sql << "\n" << plan);
        CHECK(plan.find("SCAN resource") == std::string::npos);
        // By nothing but the collection: all jobs.
        if (plan.find("tally") == std::string::npos) {
          CHECK(plan.find("(collection=?)") == std::string::npos);
        }
      }
    }
  }
}
