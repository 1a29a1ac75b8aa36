// A distributor dies, or freezes, at each point of a tick; the next one makes what is missing of
// it, and nothing is made twice.
#include <catch2/catch.hpp>
#include <csignal>

#include "common/runtime/failure.hpp"
#include "tests/integration/crash/points.hpp"
#include "tests/integration/crash/small_system.hpp"
#include "tests/integration/crash/story.hpp"
#include "tests/servers/api_server.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using nlohmann::json;

namespace {

constexpr std::size_t target_count = 3;

const std::vector<std::string>& deaths() {
  static const std::vector<std::string> all = {
      "distributor.claim.before",  "distributor.claim.after",  "distributor.post.before:1",
      "distributor.post.before:3", "distributor.post.after:1", "distributor.post.after:2",
      "distributor.post.after:3",  "distributor.close.before", "distributor.close.after",
  };
  return all;
}

// Where one that goes on too late could do harm.
const std::vector<std::string>& freezes() {
  static const std::vector<std::string> all = {
      "distributor.claim.before",  "distributor.claim.after",  "distributor.post.before:1",
      "distributor.post.before:3", "distributor.post.after:2", "distributor.close.before",
  };
  return all;
}

// One tick a day, the first at once, with a job for each of the targets.
std::string daily_for(const std::string& targets, const std::string& action) {
  return "distributions:\n  cleanup_jobs: {enabled: false}\n  "
         "queue_keeper: {enabled: false}\n  monitor_bulk_job: {enabled: false}\n  " +
         action + ":\n    every: 24h\n    overlap: allow\n    for-each: {resource: job, filter: " +
         "\"action='" + targets + "'\"}\n    job: {execution-mode: pull}\n";
}

// What it knows of its ticks, as JSON; nothing before the first.
awaitable<json> ledger_of(SmallSystem& system, std::string distribution) {
  const auto kept = co_await system.session->get("/distributor/ticks/" + distribution);
  co_return json::parse(kept.data, nullptr, /*allow_exceptions=*/false);
}

awaitable<std::vector<json>> jobs_of(SmallSystem& system, std::string action) {
  cimi::Search search;
  search.filter = "action='" + action + "'";
  const cimi::Reply reply = co_await system.client->search("job", search);
  if (!reply.ok()) throw runtime::Failure("search failed: " + reply.message);
  co_return reply.document.at("resources").get<std::vector<json>>();
}

awaitable<void> wait_until_closed(SmallSystem& system, std::string distribution) {
  const auto deadline = runtime::Clock::now() + std::chrono::seconds(90);
  runtime::Event never;
  for (;;) {
    const json ledger = co_await ledger_of(system, distribution);
    if (ledger.is_object() && !ledger.value("open", false)) co_return;
    if (runtime::Clock::now() > deadline) {
      throw runtime::Failure("the tick is not closed: " + ledger.dump());
    }
    co_await never.wait_for(std::chrono::milliseconds(20));
  }
}

bool says(const DoomedProgram& program, const std::string& text) {
  return program.output().find(text) != std::string::npos;
}

// It goes on, and learns that it leads no more before it is asked to end.
awaitable<void> thaw(DoomedProgram& frozen, Story& story) {
  frozen.signal(SIGCONT);
  const auto knows = [&frozen] { return says(frozen, "no longer leading"); };
  co_await wait_for(knows, "the end of the stale leader's work");
  frozen.signal(SIGTERM);
  const int end = co_await frozen.end();
  story.expect_equal("the end of the frozen distributor", end, 0);
}

// `name`: of the actions, no other story's.
awaitable<void> follow(asio::io_context& loop, std::string api_url, std::string doom,
                       std::string name, Story& story) {
  SmallSystem system(loop, std::move(api_url));
  const std::string targets = name + "_target";
  const std::string action = name + "_daily";
  std::set<std::string> wanted;
  for (std::size_t i = 0; i < target_count; ++i) {
    json target;
    target["action"] = targets;
    target["execution-mode"] = "pull";
    const cimi::Reply added = co_await system.client->add("job", std::move(target));
    if (!added.ok()) throw runtime::Failure("cannot add a job: " + added.message);
    wanted.insert(added.location);
  }
  const bool freezes = doom.starts_with("JE_FREEZE_AT");
  const auto doomed = system.distributor(daily_for(targets, action), doom);
  if (freezes) {
    const auto frozen = [&doomed] { return doomed->frozen(); };
    co_await wait_for(frozen, "the freeze");
  } else {
    const int end = co_await doomed->end();
    story.expect_equal("the end of the distributor", end, killed);
  }

  const auto follower = system.distributor(daily_for(targets, action));
  const auto leads = [&follower] { return says(*follower, "leading"); };
  co_await wait_for(leads, "a leader");
  co_await wait_until_closed(system, action);
  if (freezes) co_await thaw(*doomed, story);
  follower->signal(SIGTERM);
  const int stopped = co_await follower->end();
  story.expect_equal("the end of the second distributor", stopped, 0);
  const std::vector<json> jobs = co_await jobs_of(system, action);
  story.expect_equal("jobs of the tick", jobs.size(), target_count);
  std::string names;
  for (const json& job : jobs) names += job.value("name", "") + " ";
  story.expect(jobs.size() == target_count, "they are " + names + "\nfirst: " + doomed->output() +
                                                "\nsecond: " + follower->output());
  for (const json& job : jobs) wanted.erase(job.at("target-resource").value("href", ""));
  story.expect_equal("targets without a job", wanted.size(), std::size_t{0});
  co_await system.close();
}

}  // namespace

std::set<std::string> jobengine::tests::distributor_points_told() {
  std::set<std::string> names;
  for (const std::string& point : deaths()) names.insert(point.substr(0, point.find(':')));
  return names;
}

TEST_CASE("a distributor may die at any point of a tick, or freeze and go on too late",
          "[crash][freeze][distributor]") {
  ApiServerOptions options;
  options.arguments = {trusting};
  const ApiServer api(options);
  std::vector<std::string> dooms;
  for (const std::string& point : deaths()) dooms.push_back(dies_at(point));
  for (const std::string& point : freezes()) dooms.push_back(freezes_at(point));
  tell_stories(dooms, [&](asio::io_context& loop, std::size_t index, Story& story) {
    const std::string name = "story_" + std::to_string(index);
    return follow(loop, api.url(), dooms[index], name, story);
  });
}
