// An executor that stands still for three times its session timeout, in the middle of an action.
#include <catch2/catch.hpp>
#include <csignal>
#include <ctime>

#include "tests/integration/crash/small_system.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr auto session_timeout = 4s;  // that of SmallSystem's executors

// The clock of the oracle.
std::chrono::nanoseconds boot_time() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

// Dead, whether its stopped parent has noticed or not.
bool dead(int process) {
  const char state = state_of(process);
  return state == ' ' || state == 'Z' || state == 'X';
}

}  // namespace

TEST_CASE(
    "an executor frozen for three session timeouts: its action dies with the lease, another "
    "finishes the job, and what it finds to do afterwards changes nothing",
    "[freeze]") {
  ApiServerOptions options;
  options.arguments = {trusting};
  const ApiServer api(options);
  run_on_loop(
      [&](asio::io_context& loop) -> awaitable<void> {
        SmallSystem system(loop, api.url());
        json payload;
        payload["nap"] = 600'000;
        payload["status"] = "under way";
        const std::string id = co_await system.submit(std::move(payload));
        const auto first = system.executor();
        const auto runs = [&system] { return system.runs().size() == 1; };
        co_await wait_for(runs, "the action");

        first->signal(SIGSTOP);
        const auto stopped_at = boot_time();
        const auto second = system.executor();
        const json done = co_await system.wait_until_final(id);
        CHECK(done["state"] == "SUCCESS");
        co_await system.wait_until_queue_is_empty();
        const cimi::Reply before = co_await system.client->get(id);
        // What it had while the first one stood still is over; the first host ended itself.
        const auto attempts = system.runs();
        REQUIRE(told(attempts) == "1, 2 resumed");
        CHECK(dead(attempts[0].process));
        CHECK_FALSE(attempts[0].ended);
        CHECK(std::chrono::nanoseconds(attempts[0].last_seen) < stopped_at + session_timeout);
        CHECK(attempts[0].last_seen < attempts[1].started);

        const auto thaw_at = stopped_at + 3 * session_timeout;
        const auto time_has_come = [thaw_at] { return boot_time() >= thaw_at; };
        co_await wait_for(time_has_come, "the thaw");
        CHECK(first->frozen());
        first->signal(SIGCONT);
        const auto gives_up = [&first] {
          const std::string output = first->output();
          const auto at = output.find("job ended");
          return at != std::string::npos && output.find('\n', at) != std::string::npos;
        };
        co_await wait_for(gives_up, "the end of the stale run");
        CHECK_THAT(first->output(), Catch::Contains("the entry is not ours any more"));
        // It works on: the next job is its, as there is nobody else.
        const int second_end = co_await stop_executor(*second);
        CHECK(second_end == 0);
        const std::string next = co_await system.submit(json::object());
        const json next_done = co_await system.wait_until_final(next);
        CHECK(next_done["state"] == "SUCCESS");
        co_await system.wait_until_queue_is_empty();
        const cimi::Reply after = co_await system.client->get(id);
        CHECK(after.document == before.document);
        CHECK(after.etag == before.etag);
        CHECK(told(system.runs()) == "1, 2 resumed, 1");
        first->signal(SIGTERM);
        const int first_end = co_await first->end();
        CHECK(first_end == 0);
        co_await system.close();
      },
      180s);
}
