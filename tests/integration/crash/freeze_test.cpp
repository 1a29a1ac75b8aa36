// An executor freezes at a point of a job's way, goes on when another one has the job, and writes
// nothing any more.
#include <catch2/catch.hpp>
#include <csignal>

#include "tests/integration/crash/small_system.hpp"
#include "tests/integration/crash/story.hpp"
#include "tests/servers/api_server.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using nlohmann::json;

namespace {

// When the frozen one goes on, …
enum class Job { Running, Final };

struct Freeze {
  std::string point;
  std::string payload;
  Job job;           // … the job is this
  std::string runs;  // in the end, as told() tells them
};

constexpr const char* plain = R"({"gate": true})";
constexpr const char* with_status = R"({"status": "under way", "nap": 120000, "gate": true})";
constexpr const char* with_checkpoint = R"({"checkpoint": true, "nap": 120000, "gate": true})";
constexpr const char* with_retry = R"({"retry": true, "gate": true})";

const std::vector<Freeze>& freezes() {
  static const std::vector<Freeze> all = {
      {"executor.take.before", plain, Job::Final, "1"},
      {"executor.take.after", plain, Job::Running, "2"},
      {"executor.fetch.after", plain, Job::Running, "2"},
      {"executor.start.before", plain, Job::Running, "2"},
      {"executor.start.after", plain, Job::Running, "2 resumed"},
      {"executor.action.before", plain, Job::Running, "2 resumed"},
      {"executor.report.before", with_status, Job::Running, "1, 2 resumed"},
      {"executor.report.after", with_status, Job::Running, "1, 2 resumed"},
      {"executor.checkpoint.kept", with_checkpoint, Job::Running, "1, 2 resumed with checkpoint"},
      {"executor.action.after", plain, Job::Running, "1, 2 resumed"},
      {"executor.record.before", plain, Job::Running, "1, 2 resumed"},
      {"executor.record.after", plain, Job::Final, "1"},
      {"executor.consume.before", plain, Job::Final, "1"},
      {"executor.consume.after", plain, Job::Final, "1"},
      {"executor.retry.before", with_retry, Job::Running, "1, 2 resumed"},
      {"executor.retry.kept", with_retry, Job::Running, "1, 2 resumed"},
      {"executor.park.before", with_retry, Job::Running, "1, 2"},
      {"executor.release.before", with_retry, Job::Running, "1, 2"},
      {"executor.release.after", with_retry, Job::Running, "1, 2"},
  };
  return all;
}

awaitable<void> freeze_and_be_followed(asio::io_context& loop, std::string api_url, Freeze freeze,
                                       Story& story) {
  SmallSystem system(loop, std::move(api_url));
  json payload = json::parse(freeze.payload);
  const std::string id = co_await system.submit(std::move(payload));
  const auto frozen = system.executor(freezes_at(freeze.point));
  const auto is_frozen = [&frozen] { return frozen->frozen(); };
  co_await wait_for(is_frozen, "the freeze");
  const std::size_t runs_before = system.runs().size();

  const auto follower = system.executor();
  if (freeze.job == Job::Running) {
    const auto runs_again = [&] { return system.runs().size() > runs_before; };
    co_await wait_for(runs_again, "the job's next run");
  } else {
    co_await system.wait_until_final(id);
    co_await system.wait_until_queue_is_empty();
  }
  const cimi::Reply before = co_await system.client->get(id);
  frozen->signal(SIGCONT);
  // It ends when whatever it was at is over.
  frozen->signal(SIGTERM);
  const int end = co_await frozen->end();
  story.expect_equal("the end of the frozen executor", end, 0);
  story.expect(end == 0, frozen->output());
  const cimi::Reply after = co_await system.client->get(id);
  story.expect(after.document == before.document && after.etag == before.etag,
               "the stale run wrote: " + json::diff(before.document, after.document).dump());

  system.open_gate();
  const json done = co_await system.wait_until_final(id);
  story.expect_equal("the final state", done.value("state", ""), std::string("SUCCESS"));
  co_await system.wait_until_queue_is_empty();
  const int stopped = co_await stop_executor(*follower);
  story.expect_equal("the end of the second executor", stopped, 0);
  story.expect_equal("the runs", told(system.runs()), freeze.runs);
  co_await system.close();
}

}  // namespace

TEST_CASE("a frozen executor that goes on too late writes nothing", "[crash][freeze]") {
  ApiServerOptions options;
  options.arguments = {trusting};
  const ApiServer api(options);
  std::vector<std::string> names;
  for (const Freeze& freeze : freezes()) names.push_back(freeze.point);
  tell_stories(names, [&](asio::io_context& loop, std::size_t index, Story& story) {
    return freeze_and_be_followed(loop, api.url(), freezes()[index], story);
  });
}
