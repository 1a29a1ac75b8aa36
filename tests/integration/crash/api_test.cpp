// job-api dies at each point of a job's way; started again, it has what it acknowledged, and the
// job runs once.
#include <catch2/catch.hpp>
#include <csignal>

#include "common/runtime/failure.hpp"
#include "tests/integration/crash/points.hpp"
#include "tests/integration/crash/small_system.hpp"
#include "tests/integration/crash/story.hpp"
#include "tests/servers/zookeeper_server.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using nlohmann::json;

namespace {

struct Death {
  std::string point;  // ":n": which of the edits of the job
  bool acknowledged;
  std::size_t stored;   // jobs there are when it runs again
  std::size_t entries;  // right after the death, but for that of the blocker
};

// While the queue is full, the answer to a POST comes before its push for sure.
const std::vector<std::string>& small_queue() {
  static const std::vector<std::string> options = {"--queue-capacity", "1"};
  return options;
}

const std::vector<Death>& deaths() {
  static const std::vector<Death> all = {
      {"api.add.before", false, 0, 0}, {"api.add.stored", false, 1, 0},
      {"api.push.before", true, 1, 0}, {"api.push.after", true, 1, 1},
      {"api.push.noted", true, 1, 1},
  };
  return all;
}

// An executor has the job: it is the executor's edits that find no answer.
const std::vector<std::string>& deaths_under_executors() {
  static const std::vector<std::string> all = {"api.edit.before:1", "api.edit.stored:1",
                                               "api.edit.before:2", "api.edit.stored:2"};
  return all;
}

// The API is away when the outcome is to be recorded, and then the executor dies, too.
struct JournalDeath {
  std::string point;  // of the executor
  std::string runs;   // in the end, as told() tells them
};
const std::vector<JournalDeath>& deaths_of_both() {
  static const std::vector<JournalDeath> all = {{"executor.journal.before", "1, 2 resumed"},
                                                {"executor.journal.kept", "1"}};
  return all;
}

awaitable<std::vector<json>> jobs_of(SmallSystem& system) {
  cimi::Search search;
  search.filter = "action='crash_test'";
  const cimi::Reply reply = co_await system.client->search("job", search);
  if (!reply.ok()) throw runtime::Failure("search failed: " + reply.message);
  co_return reply.document.at("resources").get<std::vector<json>>();
}

// An executor brings whatever is stored to its end, each job by one run.
awaitable<void> expect_one_run_each(SmallSystem& system, Story& story) {
  const std::vector<json> jobs = co_await jobs_of(system);
  for (const json& job : jobs) {
    const json done = co_await system.wait_until_final(job["id"]);
    story.expect_equal("the final state", done.value("state", ""), std::string("SUCCESS"));
  }
  co_await system.wait_until_queue_is_empty();
  story.expect_equal("the runs", system.runs().size(), jobs.size());
}

awaitable<void> die_while_adding(asio::io_context& loop, Death death, Story& story) {
  SmallSystem system(loop);
  co_await system.queue.put("job/blocker", 1);
  std::vector<std::string> first_options = small_queue();
  co_await system.start_api(std::move(first_options), dies_at(death.point));
  json document = system.job_document(json::object());
  const cimi::Reply added = co_await system.client->add("job", std::move(document));
  story.expect_equal("acknowledged", added.ok(), death.acknowledged);
  const auto blocker = co_await system.queue.list();
  co_await system.queue.remove_untaken(blocker.at(0).name);
  const int end = co_await system.api().end();
  story.expect_equal("the end of job-api", end, killed);
  const queue::Depth depth = co_await system.queue.depth();
  story.expect_equal("the entries it left", depth.entries, death.entries);

  const auto executor = system.executor();
  std::vector<std::string> options;
  co_await system.start_api(std::move(options), "");
  const std::vector<json> jobs = co_await jobs_of(system);
  story.expect_equal("jobs stored", jobs.size(), death.stored);
  if (added.ok()) {
    const cimi::Reply read = co_await system.client->get(added.location);
    story.expect(read.ok(), "an acknowledged job is gone: " + read.message);
  }
  co_await expect_one_run_each(system, story);
  const std::size_t made = co_await system.entries_made();
  story.expect_equal("entries made, that of the blocker too", made, 1 + death.stored);
  co_await system.close();
}

awaitable<void> die_under_executor(asio::io_context& loop, std::string point, Story& story) {
  SmallSystem system(loop);
  std::vector<std::string> options;
  co_await system.start_api(options, dies_at(point));
  json document = system.job_document(json::object());
  const cimi::Reply added = co_await system.client->add("job", std::move(document));
  story.expect(added.ok(), "no job was added: " + added.message);
  const auto executor = system.executor();
  const int end = co_await system.api().end();
  story.expect_equal("the end of job-api", end, killed);
  co_await system.start_api(options, "");
  co_await expect_one_run_each(system, story);
  const std::size_t made = co_await system.entries_made();
  story.expect_equal("entries made", made, std::size_t{1});
  story.expect_equal("the runs", told(system.runs()), std::string("1"));
  co_await system.close();
}

awaitable<void> die_with_executor(asio::io_context& loop, JournalDeath death, Story& story) {
  SmallSystem system(loop);
  std::vector<std::string> options;
  co_await system.start_api(options, dies_at("api.edit.before:2"));
  json document = system.job_document(json::object());
  const cimi::Reply added = co_await system.client->add("job", std::move(document));
  story.expect(added.ok(), "no job was added: " + added.message);
  const auto executor = system.lasting_executor(dies_at(death.point));
  const int end = co_await executor->end();
  story.expect_equal("the end of the executor", end, killed);
  co_await system.start_api(options, "");
  const auto follower = system.lasting_executor();
  const json done = co_await system.wait_until_final(added.location);
  story.expect_equal("the final state", done.value("state", ""), std::string("SUCCESS"));
  co_await system.wait_until_queue_is_empty();
  story.expect_equal("the runs", told(system.runs()), death.runs);
  co_await system.close();
}

}  // namespace

std::set<std::string> jobengine::tests::api_points_told() {
  std::set<std::string> names;
  for (const Death& death : deaths()) names.insert(death.point);
  for (const std::string& point : deaths_under_executors()) {
    names.insert(point.substr(0, point.find(':')));
  }
  for (const JournalDeath& death : deaths_of_both()) names.insert(death.point);
  return names;
}

TEST_CASE("job-api may die at any point of adding a job", "[crash][api]") {
  ZooKeeperServer::shared();
  std::vector<std::string> names;
  for (const Death& death : deaths()) names.push_back(death.point);
  tell_stories(names, [](asio::io_context& loop, std::size_t index, Story& story) {
    return die_while_adding(loop, deaths()[index], story);
  });
}

TEST_CASE("job-api may die at any edit of an executor: the job runs once all the same",
          "[crash][api]") {
  ZooKeeperServer::shared();
  tell_stories(deaths_under_executors(),
               [](asio::io_context& loop, std::size_t index, Story& story) {
                 return die_under_executor(loop, deaths_under_executors()[index], story);
               });
}

TEST_CASE("an outcome that waits for the API survives its executor, once it is in the journal",
          "[crash][api][executor]") {
  ZooKeeperServer::shared();
  std::vector<std::string> names;
  for (const JournalDeath& death : deaths_of_both()) names.push_back(death.point);
  tell_stories(names, [](asio::io_context& loop, std::size_t index, Story& story) {
    return die_with_executor(loop, deaths_of_both()[index], story);
  });
}
