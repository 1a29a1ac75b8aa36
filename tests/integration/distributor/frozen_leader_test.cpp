// Two job-distributor processes, real ZooKeeper, real job-api: a leader that is frozen in the
// middle of a tick for three session timeouts, and requests that arrive when all is over.
#include <catch2/catch.hpp>
#include <csignal>
#include <set>

#include "common/runtime/failure.hpp"
#include "common/zookeeper/lasting_session.hpp"
#include "distributor/job_template.hpp"
#include "distributor/schedule/tick_ledger.hpp"
#include "tests/integration/distributor/distributor_process.hpp"
#include "tests/servers/zookeeper_server.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr int row_count = 300;
constexpr auto session_timeout = 2s;  // as connection_options() has it

const char* const settings =
    "distributions:\n  cleanup_jobs: {enabled: false}\n  queue_keeper: {enabled: false}\n"
    "  daily: {every: 24h, overlap: allow, for-each: {resource: job, filter: \"action='row'\"}, "
    "job: {execution-mode: pull}}\n";

struct Servers {
  Servers() : zk_hosts(ZooKeeperServer::shared().fresh_chroot()), api(options(zk_hosts)) {}
  static ApiServerOptions options(const std::string& zk_hosts) {
    ApiServerOptions result;
    result.zk_hosts = zk_hosts;
    return result;
  }
  std::vector<std::string> distributor(const std::string& name) {
    auto arguments = connection_options(zk_hosts, api.url());
    const std::string file = files.file(name + ".yaml", settings);
    arguments.insert(arguments.end(), {"--name", name, "--config", file});
    return arguments;
  }

  std::string zk_hosts;
  ApiServer api;
  TemporaryDirectory files;
};

awaitable<void> make_rows(cimi::Client& client) {
  for (int i = 0; i < row_count; ++i) {
    json row;
    row["action"] = "row";
    row["execution-mode"] = "pull";
    const cimi::Reply added = co_await client.add("job", std::move(row));
    if (!added.ok()) throw runtime::Failure(added.message);
  }
}

// Looked at without a pause: a tick is not open for long.
awaitable<void> wait_for_tick(distributor::TickLedger& ledger, bool open) {
  const auto deadline = runtime::Clock::now() + 90s;
  for (;;) {
    const auto kept = co_await ledger.read();
    if (kept.last && kept.open == open) co_return;
    if (runtime::Clock::now() > deadline) throw runtime::Failure("the tick does not get there");
  }
}

void check_one_job_a_row(const std::vector<json>& jobs) {
  std::set<std::string> rows;
  for (const json& job : jobs) rows.insert(job["target-resource"]["href"].get<std::string>());
  CHECK(jobs.size() == row_count);
  CHECK(rows.size() == row_count);
}

bool says(const DistributorProcess& process, const std::string& text) {
  return process.output().find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("frozen leader: continued after three session timeouts it posts nothing a second time",
          "[distributor][program][frozen]") {
  Servers servers;
  run_on_loop(
      [&servers](asio::io_context& loop) -> awaitable<void> {
        auto client = administrator(loop, servers.api.url());
        co_await make_rows(*client);
        auto session = zookeeper::make_session(loop, zookeeper::parse_hosts({servers.zk_hosts}));
        distributor::TickLedger ledger(*session, "daily");
        auto first_arguments = servers.distributor("first");
        DistributorProcess first(loop, std::move(first_arguments));
        co_await wait_for_tick(ledger, /*open=*/true);
        std::vector<json> begun;
        while (begun.empty()) begun = co_await jobs_of(*client, "daily");
        first.signal(SIGSTOP);
        const auto frozen_at = runtime::Clock::now();
        const auto made = co_await jobs_of(*client, "daily");
        INFO(made.size() << " jobs when it froze");
        REQUIRE(made.size() < row_count);
        auto second_arguments = servers.distributor("second");
        DistributorProcess second(loop, std::move(second_arguments));
        co_await wait_for_tick(ledger, /*open=*/false);
        const auto finished = co_await jobs_of(*client, "daily");
        check_one_job_a_row(finished);
        // Frozen for as long as was said, however quick the other was.
        runtime::Event never;
        co_await never.wait_until(frozen_at + 3 * session_timeout);
        first.signal(SIGCONT);
        const auto knows = [&first] { return says(first, "no longer leading"); };
        const bool gave_up = co_await eventually(knows);
        CHECK(gave_up);
        // Whatever it had under way has come to an end with it.
        first.signal(SIGTERM);
        const int code = co_await first.end();
        CHECK(code == 0);
        CHECK_FALSE(says(first, "does not accept"));
        const auto jobs = co_await jobs_of(*client, "daily");
        check_one_job_a_row(jobs);
        const auto kept = co_await ledger.read();
        CHECK_FALSE(kept.open);
        second.signal(SIGTERM);
        co_await second.end();
        co_await session->close();
      },
      240s);
}

TEST_CASE("job-distributor: its requests, arriving once more when all is over, make no second job",
          "[distributor][program][frozen]") {
  Servers servers;
  run_on_loop(
      [&servers](asio::io_context& loop) -> awaitable<void> {
        auto client = administrator(loop, servers.api.url());
        json row;
        row["action"] = "row";
        row["execution-mode"] = "pull";
        const cimi::Reply added = co_await client->add("job", std::move(row));
        REQUIRE(added.ok());
        auto arguments = servers.distributor("d");
        DistributorProcess distributor(loop, std::move(arguments));
        const auto jobs = co_await wait_for_jobs(*client, "daily", 1);
        REQUIRE(jobs.size() == 1);
        distributor.signal(SIGKILL);
        co_await distributor.end();
        json sent;  // what job_document() makes
        for (const char* name : {"id", "name", "action", "target-resource", "execution-mode"}) {
          sent[name] = jobs[0].at(name);
        }
        const auto id = jobs[0]["id"].get<std::string>();
        CHECK(id == distributor::id_of(jobs[0]["name"].get<std::string>()));
        for (const char* state : {"QUEUED", "RUNNING", "SUCCESS"}) {
          json change;
          change["state"] = state;
          const cimi::Reply changed = co_await client->edit(id, std::move(change));
          REQUIRE(changed.ok());
          cimi::Request late;
          late.method = "POST";
          late.path = "job";
          late.body = sent.dump();
          const cimi::Reply reply = co_await client->request(std::move(late));
          CHECK(reply.status == 409);
          CHECK(reply.document.value("resource-id", "") == id);
        }
        const auto after = co_await jobs_of(*client, "daily");
        REQUIRE(after.size() == 1);
        CHECK(after[0]["state"] == "SUCCESS");
      },
      120s);
}
