// The logs of jobs, kept by a real job-api.
#include <signal.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "api/store/sqlite_connection.hpp"
#include "common/cimi/client.hpp"
#include "common/runtime/task_group.hpp"
#include "tests/integration/api/exchange.hpp"
#include "tests/integration/api/wire.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/sanitized_build.hpp"

namespace jobengine::tests {
namespace {

using Catch::Contains;
using nlohmann::json;

const ApiServerOptions trusting{{}, {"--trust-authn-header"}, {}};

Caller admin_of(const ApiServer& server) {
  return {server.port(), "group/nuvla-admin"};
}
Caller jane_of(const ApiServer& server) {
  return {server.port(), "user/jane user/jane user/jane group/nuvla-user"};
}

std::string new_job(const Caller& admin, const json& acl = nullptr) {
  json job = {{"action", "logged"}, {"execution-mode", "pull"}};
  if (!acl.is_null()) job["acl"] = acl;
  return admin.added("job", job);
}

json lines(std::int64_t first, const std::vector<std::string>& texts, int attempt = 1) {
  json body = {{"attempt", attempt}, {"first", first}, {"lines", json::array()}};
  for (const auto& text : texts) {
    json line = {{"time", "2026-05-06T07:08:09.123Z"}, {"stream", "stdout"}, {"text", text}};
    body["lines"].push_back(std::move(line));
  }
  return body;
}

std::string texts_of(const Answer& answer) {
  std::string texts;
  for (const auto& line : answer.body.at("lines")) {
    texts += (texts.empty() ? "" : ",") + line.at("text").get<std::string>();
  }
  return texts;
}

void set_state(const Caller& admin, const std::string& job, const std::string& state) {
  json change = {{"state", state}};
  REQUIRE(admin.edit(job, change).status == 200);
}

// A follower's request; the answer is read from the wire as it comes.
void ask_to_follow(Wire& wire, const std::string& path, const std::string& headers = {}) {
  wire.send("GET /api/" + path +
            " HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
            "nuvla-authn-info: group/nuvla-admin\r\n" +
            headers + "\r\n");
}

TEST_CASE("logs: what is appended is read, in every state of the job", "[api][logs]") {
  const ApiServer server(trusting);
  const auto admin = admin_of(server);
  const auto job = new_job(admin);
  auto empty = admin.get(job + "/logs");
  CHECK(empty.status == 200);
  CHECK(empty.body == json{{"count", 0}, {"lines", json::array()}, {"next", 0}});
  auto kept = admin.operate(job + "/logs", lines(0, {"a", "\u00e9\x01 \"b\""}));
  CHECK(kept.status == 200);
  CHECK(kept.body == json{{"next", 2}});
  set_state(admin, job, "RUNNING");
  json error = {
      {"time", "2026-05-06T07:08:10Z"}, {"stream", "log"}, {"level", "error"}, {"text", "c"}};
  json more = {{"attempt", 1}, {"first", 2}, {"lines", json::array({error})}};
  CHECK(admin.operate(job + "/logs", more).body == json{{"next", 3}});
  set_state(admin, job, "FAILED");
  CHECK(admin.operate(job + "/logs", lines(0, {"d"}, 2)).body == json{{"next", 1}});
  const auto all = admin.get(job + "/logs");
  CHECK(texts_of(all) == "a,\u00e9\x01 \"b\",c,d");
  error["attempt"] = 1;
  error["n"] = 2;
  CHECK(all.body.at("lines").at(2) == error);
  CHECK(all.body.at("count") == 4);
  CHECK(all.body.at("next") == 4);
  CHECK(texts_of(admin.get(job + "/logs?from=1&last=2")) == "\u00e9\x01 \"b\",c");
  CHECK(texts_of(admin.get(job + "/logs?attempt=2")) == "d");
  CHECK(texts_of(admin.get(job + "/logs?stream=log")) == "c");
  CHECK(texts_of(admin.get(job + "/logs?last=1")) == "d");
  // The job itself knows nothing of it.
  CHECK(admin.get(job).body.dump().find("logs") == std::string::npos);
}

TEST_CASE("logs: repeats add nothing, gaps are told what is next, nonsense what it is",
          "[api][logs]") {
  const ApiServer server(trusting);
  const auto admin = admin_of(server);
  const auto job = new_job(admin);
  for (int i = 0; i < 2; ++i) {
    CHECK(admin.operate(job + "/logs", lines(0, {"a", "b"})).body.at("next") == 2);
  }
  CHECK(admin.operate(job + "/logs", lines(1, {"b", "c"})).body.at("next") == 3);
  const auto gap = admin.operate(job + "/logs", lines(5, {"f"}));
  CHECK(gap.status == 409);
  CHECK(gap.body.at("next") == 3);
  CHECK(gap.body.at("resource-id") == job);
  CHECK(gap.message() == "lines are missing: the next line of attempt 1 is 3, these begin at 5");
  CHECK(texts_of(admin.get(job + "/logs")) == "a,b,c");
  const auto wrong = admin.operate(job + "/logs", json{{"attempt", 1}, {"line", 7}});
  CHECK(wrong.status == 400);
  CHECK_THAT(wrong.message(), Contains("first: missing, expected an integer from 0") &&
                                  Contains("line: unknown attribute"));
  CHECK(admin.operate(job + "/logs").status == 400);
  const auto many = admin.get(job + "/logs?last=many");
  CHECK(many.status == 400);
  CHECK_THAT(many.message(), Contains("last: 'many', expected an integer from 0 to 10000"));
  CHECK(admin.edit(job + "/logs", lines(3, {"d"})).status == 405);
  CHECK(admin.operate("session/none/logs", lines(0, {"a"})).status == 404);
}

TEST_CASE("logs: who may edit the job appends, who sees its data reads", "[api][logs]") {
  const ApiServer server(trusting);
  const auto admin = admin_of(server);
  const auto jane = jane_of(server);
  const auto with = [&](const char* right) {
    json acl = {{"owners", {"group/nuvla-admin"}}, {right, {"user/jane"}}};
    return new_job(admin, acl);
  };
  const auto sent = lines(0, {"a"});
  const auto data = with("view-data");
  CHECK(jane.get(data + "/logs").status == 200);
  CHECK(jane.operate(data + "/logs", sent).status == 403);
  const auto metadata = with("view-meta");
  CHECK(jane.get(metadata + "/logs").status == 403);
  CHECK(jane.operate(metadata + "/logs", sent).status == 403);
  const auto edit = with("edit-data");
  CHECK(jane.operate(edit + "/logs", sent).status == 200);
  CHECK(jane.get(edit + "/logs").status == 200);
  const auto hidden = new_job(admin);
  CHECK(jane.get(hidden + "/logs").status == 403);
  const auto none = jane.get("job/none/logs");
  CHECK(none.status == 404);
  CHECK(none.message() == "job/none not found");
  CHECK(admin.operate("job/none/logs", sent).status == 404);
  Wire wire(server.port());
  wire.send("GET /api/" + data +
            "/logs HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: text/event-stream\r\n\r\n");
  CHECK(wire.read_all().starts_with("HTTP/1.1 403 "));
}

TEST_CASE("logs: a job's log is capped, and with a limit of 0 there is none", "[api][logs]") {
  ApiServer server({{}, {"--trust-authn-header", "--job-log-limit", "1000"}, {}});
  const auto admin = admin_of(server);
  const auto job = new_job(admin);
  const std::string filler(600, 'x');
  CHECK(admin.operate(job + "/logs", lines(0, {filler})).body == json{{"next", 1}});
  const auto capped = admin.operate(job + "/logs", lines(1, {filler, "b", "c"}));
  CHECK(capped.status == 200);
  CHECK(capped.body == json{{"next", 4}, {"capped", true}});
  CHECK(admin.operate(job + "/logs", lines(9, {"d"})).body == json{{"next", 10}, {"capped", true}});
  const auto read = admin.get(job + "/logs");
  REQUIRE(read.body.at("count") == 2);
  const auto notice = read.body.at("lines").at(1);
  CHECK(notice.at("stream") == "engine");
  CHECK_THAT(notice.at("text").get<std::string>(), Contains("capped") && Contains("1000 bytes"));
  const ApiServer none({{}, {"--trust-authn-header", "--job-log-limit", "0"}, {}});
  const auto there = admin_of(none);
  const auto other = new_job(there);
  const auto refused = there.operate(other + "/logs", lines(0, {"a"}));
  CHECK(refused.status == 405);
  CHECK_THAT(refused.message(), Contains("no logs are kept"));
  CHECK(there.get(other + "/logs").body.at("count") == 0);
}

TEST_CASE("logs: who follows sees the lines as they come, and after the end of the job",
          "[api][logs]") {
  const ApiServer server(trusting);
  const auto admin = admin_of(server);
  const auto job = new_job(admin);
  admin.operate(job + "/logs", lines(0, {"before"}));
  Wire wire(server.port());
  ask_to_follow(wire, job + "/logs");
  auto seen = wire.read_until("\"before\"");
  CHECK_THAT(seen, Contains("content-type: text/event-stream", Catch::CaseSensitive::No));
  admin.operate(job + "/logs", lines(1, {"while"}));
  seen += wire.read_until("\"while\"");
  set_state(admin, job, "SUCCESS");
  admin.operate(job + "/logs", lines(2, {"after"}));
  seen += wire.read_all();
  CHECK_THAT(seen, Contains("\"after\"") && Contains("id: 3\nevent: end\n"));
  // Who was cut off goes on where it was, and is told when there is nothing more.
  Wire again(server.port());
  ask_to_follow(again, job + "/logs", "Last-Event-ID: 1\r\nConnection: close\r\n");
  const auto rest = again.read_all();
  CHECK_THAT(rest, Contains("\"while\"") && Contains("\"after\"") && !Contains("\"before\""));
  Wire over(server.port());
  ask_to_follow(over, job + "/logs", "Last-Event-ID: 3\r\nConnection: close\r\n");
  CHECK(over.read_all().starts_with("HTTP/1.1 204 "));
  Wire wrong(server.port());
  ask_to_follow(wrong, job + "/logs", "Last-Event-ID: x\r\nConnection: close\r\n");
  CHECK(wrong.read_all().starts_with("HTTP/1.1 400 "));
}

std::size_t resident_bytes(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

TEST_CASE("logs: followers that do not read cost no memory for what they have not read",
          "[api][logs]") {
  const ApiServer server({{}, {"--trust-authn-header", "--job-log-limit", "100000000"}, {}});
  const auto admin = admin_of(server);
  const auto job = new_job(admin);
  constexpr std::size_t followers = 20;
  std::vector<std::unique_ptr<Wire>> wires;
  for (std::size_t i = 0; i < followers; ++i) {
    wires.push_back(std::make_unique<Wire>(server.port()));
    ask_to_follow(*wires.back(), job + "/logs");
    wires.back()->read_until("retry:");
  }
  // 20 MB, which would be 400 MB for all of them; sockets take what they take.
  const std::string filler(10'000, 'x');
  const std::vector<std::string> batch(50, filler);
  admin.operate(job + "/logs", lines(0, batch));
  const auto before = resident_bytes(server.pid());
  for (int i = 1; i < 40; ++i)
    REQUIRE(admin.operate(job + "/logs", lines(50 * i, batch)).status == 200);
  const auto after = resident_bytes(server.pid());
  if (!tests::sanitized_build) CHECK(after < before + 100'000'000);
  set_state(admin, job, "SUCCESS");
  const auto all = wires.front()->read_all();
  CHECK_THAT(all.substr(all.size() - 200), Contains("event: end") && Contains("\"next\":2000"));
}

// Whether the database comes to hold that many logs.
bool logs_become(const std::string& file, std::int64_t count) {
  bool reached = false;
  run_on_loop([&](asio::io_context&) -> awaitable<void> {
    auto there = [&] {
      api::store::Connection database(file, api::store::Connection::Access::Read);
      return database.integer("SELECT count(*) FROM job_log") == count &&
             database.integer("SELECT count(*) FROM log_chunk") == count;
    };
    reached = co_await eventually(there);
  });
  return reached;
}

TEST_CASE("logs: they go with the jobs that retention removes", "[api][logs][retention]") {
  const TemporaryDirectory folder;
  const auto file = (folder.path() / "jobs.db").string();
  const ApiServer server({{}, {"--trust-authn-header", "--job-retention", "1s"}, file});
  const auto admin = admin_of(server);
  const auto ended = new_job(admin);
  const auto going = new_job(admin);
  for (const auto& job : {ended, going}) admin.operate(job + "/logs", lines(0, {"a", "b"}));
  set_state(admin, ended, "SUCCESS");
  Wire follower(server.port());
  ask_to_follow(follower, ended + "/logs");
  CHECK_THAT(follower.read_all(), Contains("event: end"));
  run_on_loop([&](asio::io_context&) -> awaitable<void> {
    auto gone = [&] { return admin.get(ended).status == 404; };
    const bool in_time = co_await eventually(gone);
    CHECK(in_time);
  });
  CHECK(admin.get(ended + "/logs").status == 404);
  CHECK(logs_become(file, 1));
  CHECK(admin.get(going + "/logs").body.at("count") == 2);
  // Also by a single delete and in bulk.
  CHECK(admin.remove(going).status == 200);
  const auto bulk = new_job(admin);
  admin.operate(bulk + "/logs", lines(0, {"a"}));
  CHECK(admin.bulk_delete("job", "action='logged'").status == 200);
  CHECK(logs_become(file, 0));
}

// What one sender knows of the log of its job.
struct Sent {
  std::string job;
  std::int64_t acknowledged = 0;
};

awaitable<void> send_until_dead(cimi::Client* client, Sent* sent, int* answers_left, int pid) {
  for (std::int64_t next = sent->acknowledged;;) {
    auto body = lines(next, {"line " + std::to_string(next), "line " + std::to_string(next + 1)});
    const auto kept = co_await client->operation(sent->job, "logs", std::move(body));
    if (!kept.ok()) break;
    next = kept.document.at("next").get<std::int64_t>();
    sent->acknowledged = next;
    if (--*answers_left == 0) ::kill(pid, SIGKILL);
  }
}

TEST_CASE("logs: lines that were acknowledged are there after kill -9", "[api][logs][durability]") {
  ApiServer server(trusting);
  std::vector<Sent> all(8);
  for (auto& sent : all) sent.job = new_job(admin_of(server));
  for (int round = 0; round < 3; ++round) {
    run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
      cimi::ClientOptions options;
      options.url = server.url();
      options.authn_header = "group/nuvla-admin";
      const auto client = cimi::make_http_client(loop, options);
      int answers_left = 150 + 70 * round;
      runtime::TaskGroup senders(loop.get_executor());
      for (auto& sent : all) {
        senders.spawn(send_until_dead(client.get(), &sent, &answers_left, server.pid()));
      }
      co_await senders.join();
      CHECK(answers_left <= 0);
    });
    server.kill();
    server.restart();
    for (auto& sent : all) {
      const auto read = admin_of(server).get(sent.job + "/logs?from=0&last=10000");
      const auto count = read.body.at("count").get<std::int64_t>();
      CHECK(count >= sent.acknowledged);
      CHECK(count <= sent.acknowledged + 2);
      for (std::int64_t n = 0; n < count; ++n) {
        const auto& line = read.body.at("lines").at(static_cast<std::size_t>(n));
        REQUIRE(line.at("n") == n);
        REQUIRE(line.at("text") == "line " + std::to_string(n));
      }
      sent.acknowledged = count;
    }
  }
}

}  // namespace
}  // namespace jobengine::tests
