// Jobs that ended long ago go, and nothing else does.
#include <catch2/catch.hpp>
#include <filesystem>

#include "api/cimi/timestamp.hpp"
#include "api/store/migrations.hpp"
#include "api/store/sqlite_connection.hpp"
#include "api/store/store.hpp"
#include "tests/integration/api/exchange.hpp"
#include "tests/integration/api/wire.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/loop_test.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;
using namespace api::store;

// A job of which `owner` knows, as it was left that long ago.
json job_of(const std::string& id, const std::string& state, std::chrono::hours ago,
            const std::string& owner = "user/jane") {
  const auto time = api::cimi::timestamp(api::cimi::wall_now() - ago);
  json job;
  job["id"] = id;
  job["resource-type"] = "job";
  job["state"] = state;
  job["action"] = "past";
  job["created"] = time;
  job["updated"] = time;
  job["execution-mode"] = "pull";
  job["tags"] = json::array({"kept"});
  job["acl"]["owners"] = json::array({"group/nuvla-admin"});
  job["acl"]["view-data"] = json::array({owner});
  job["acl"]["view-meta"] = json::array({owner});
  return job;
}

awaitable<void> put(Store& store, std::vector<json> documents) {
  std::vector<Change> changes;
  for (auto& document : documents) {
    const auto id = document.at("id").get<std::string>();
    changes.push_back({id, [document](const StoredDocument*) {
                         return Decision{Decision::Kind::Put, document, false};
                       }});
  }
  co_await store.change(std::move(changes));
}

void prepare(const std::string& file, const std::vector<json>& documents) {
  const auto store = open_sqlite_store(file);
  run_on_loop([&](asio::io_context&) -> awaitable<void> { co_await put(*store, documents); });
}

std::vector<json> old_jobs(int count) {
  std::vector<json> jobs;
  for (int number = 0; number < count; ++number) {
    const char* const states[] = {"SUCCESS", "FAILED", "CANCELED"};
    jobs.push_back(job_of("job/old-" + std::to_string(number), states[number % 3],
                          std::chrono::hours(49), "user/" + std::to_string(number % 7)));
  }
  return jobs;
}

// How many rows the database has for what its documents have no more.
std::int64_t rows(const std::string& file, const std::string& table_and_condition) {
  Connection connection(file, Connection::Access::Read);
  return connection.integer("SELECT count(*) FROM " + table_and_condition);
}

void wait_until(const std::function<bool()>& condition) {
  bool reached = false;
  run_on_loop(
      [&](asio::io_context&) -> awaitable<void> { reached = co_await eventually(condition); });
  REQUIRE(reached);
}

std::string metrics_of(const ApiServer& server) {
  const auto log = server.log();
  const auto line = log.rfind("/metrics");
  REQUIRE(line != std::string::npos);
  const auto digits = log.find_first_of("0123456789", log.find("port", line));
  return converse(static_cast<std::uint16_t>(std::stoi(log.substr(digits))),
                  "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

struct Retaining {
  TemporaryDirectory folder;
  std::string file = (folder.path() / "jobs.db").string();
  ApiServerOptions with(const std::string& age) const {
    return {{}, {"--trust-authn-header", "--job-retention", age, "--telemetry-port", "0"}, file};
  }
};

TEST_CASE("retention: old final jobs go, and nothing else", "[api][retention]") {
  const Retaining setup;
  auto jobs = old_jobs(250);
  for (const char* state : {"QUEUED", "RUNNING"}) {
    jobs.push_back(job_of(std::string("job/") + state, state, std::chrono::hours(1000)));
  }
  jobs.push_back(job_of("job/young", "SUCCESS", std::chrono::hours(40)));
  prepare(setup.file, jobs);
  REQUIRE(rows(setup.file, "acl_claim WHERE claim = 'user/3'") == 1);
  const ApiServer server(setup.with("2d"));
  const Caller admin(server.port(), "group/nuvla-admin");
  wait_until([&] { return rows(setup.file, "resource WHERE id GLOB 'job/old-*'") == 0; });
  for (const char* id : {"job/QUEUED", "job/RUNNING", "job/young"}) {
    CAPTURE(id);
    CHECK(admin.get(id).status == 200);
  }
  CHECK(admin.get("job/old-1").status == 404);
  CHECK(admin.get("job").body.at("count") == 3);
  // Nothing is left beside the documents either; user/jane's jobs are still there.
  wait_until([&] { return rows(setup.file, "acl_claim WHERE claim = 'user/3'") == 0; });
  CHECK(rows(setup.file, "acl_set WHERE claims LIKE '%user/3%'") == 0);
  CHECK(rows(setup.file, "acl_claim WHERE claim = 'user/jane'") == 1);
  CHECK(rows(setup.file, "tag") == 3);
  const Caller jane(server.port(), "user/jane user/jane user/jane group/nuvla-user");
  CHECK(jane.get("job/young").status == 200);
  CHECK(metrics_of(server).find("jobengine_api_jobs_removed_total 250") != std::string::npos);
}

TEST_CASE("retention: who watches a job is told that it went", "[api][retention]") {
  const Retaining setup;
  const ApiServer server(setup.with("1s"));
  const Caller admin(server.port(), "group/nuvla-admin");
  json wanted;
  wanted["action"] = "watched";
  wanted["execution-mode"] = "pull";
  const auto job = admin.added("job", wanted);
  Wire watcher(server.port());
  watcher.send(
      "GET /api/events?filter=action='watched' HTTP/1.1\r\nHost: x\r\n"
      "nuvla-authn-info: group/nuvla-admin\r\n\r\n");
  watcher.read_until("\r\n\r\n");
  json over;
  over["state"] = "SUCCESS";
  CHECK(admin.edit(job, over).status == 200);
  CHECK(watcher.read_until("deleted").find(job) != std::string::npos);
  CHECK(admin.get(job).status == 404);
}

TEST_CASE("retention: without it jobs stay; after a restart with it they go, sessions stay",
          "[api][retention]") {
  const Retaining setup;
  prepare(setup.file, old_jobs(5));
  json login;
  login["template"]["href"] = "session-template/password";
  login["template"]["username"] = api_admin;
  login["template"]["password"] = api_password;
  {
    ApiServer server(setup.with("0"));
    const Caller anybody(server.port(), "group/nuvla-anon");
    CHECK(anybody.add("session", login).status == 201);
    CHECK(Caller(server.port(), "group/nuvla-admin").get("job").body.at("count") == 5);
    CHECK(server.stop() == 0);
  }
  ApiServer server(setup.with("1s"));
  const Caller admin(server.port(), "group/nuvla-admin");
  wait_until([&] { return admin.get("job").body.at("count") == 0; });
  CHECK(rows(setup.file, "resource WHERE collection = 'session'") == 1);
  CHECK(admin.get("user").body.at("count") == 1);
}

TEST_CASE("retention: a stop does not wait for the removal of many jobs", "[api][retention]") {
  const Retaining setup;
  constexpr int many = 20'000;  // some seconds' work
  prepare(setup.file, old_jobs(many));
  ApiServer server(setup.with("1d"));
  wait_until([&] { return rows(setup.file, "resource WHERE collection = 'job'") < many; });
  CHECK(server.stop() == 0);
  const auto left = rows(setup.file, "resource WHERE collection = 'job'");
  CHECK(left > 0);
  server.restart();
  wait_until([&] { return rows(setup.file, "resource WHERE collection = 'job'") < left; });
}

TEST_CASE("migration: a database of an older version is brought on, and the log says so",
          "[api][migration]") {
  const Retaining setup;
  {
    Connection connection(setup.file, Connection::Access::ReadAndWrite);
    migrate(connection, setup.file, /*versions=*/1);
  }
  const ApiServer server(setup.with("0"));
  const auto log = server.log();
  for (const char* text :
       {"brought to a newer form", "what each claim shows", "counts by state", "logs of jobs"}) {
    CAPTURE(text);
    CHECK(log.find(text) != std::string::npos);
  }
  CHECK(log.find("the migration is done") != log.rfind("the migration is done"));
  const ApiServer fresh;
  CHECK(fresh.log().find("migration") == std::string::npos);
}

}  // namespace
}  // namespace jobengine::tests
