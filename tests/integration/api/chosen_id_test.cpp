// Ids of jobs that their makers choose: repeating an add makes no second job, whenever it comes.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <thread>

#include "tests/integration/api/exchange.hpp"
#include "tests/integration/api/wire.hpp"
#include "tests/servers/api_server.hpp"

namespace jobengine::tests {
namespace {

using nlohmann::json;

constexpr const char* admin_claims = "user/root user/root group/nuvla-admin group/nuvla-user";

ApiServer& trusting_server() {
  static ApiServer server({{}, {"--trust-authn-header"}, {}});
  return server;
}

Caller as_admin(const ApiServer& server = trusting_server()) {
  return {server.port(), admin_claims};
}

// "job/5f0c0000-0000-5000-8000-000000000<number>"
std::string id_number(int number) {
  return "job/5f0c0000-0000-5000-8000-000000000" + std::to_string(100 + number);
}

json job_with(const json& id) {
  return {{"id", id}, {"action", "dummy_test_action"}, {"execution-mode", "pull"}};
}

void check_refused(const Answer& answer, const std::string& id) {
  CHECK(answer.status == 409);
  CHECK(answer.message() == "conflict with " + id);
  CHECK(answer.body["resource-id"] == id);
}

TEST_CASE("chosen id: the job gets it, and a second add is told which job there is", "[api][ids]") {
  const auto admin = as_admin();
  const auto id = id_number(1);
  const auto added = admin.add("job", job_with(id));
  CHECK(added.status == 201);
  CHECK(added.header("Location") == id);
  CHECK(added.body["resource-id"] == id);
  const auto before = admin.get(id);
  auto other = job_with(id);
  other["action"] = "another";
  check_refused(admin.add("job", other), id);
  const auto after = admin.get(id);
  CHECK(after.body == before.body);
  CHECK(after.header("ETag") == before.header("ETag"));
}

TEST_CASE("chosen id: it stays taken while the job runs and when it is final", "[api][ids]") {
  const auto admin = as_admin();
  const auto id = id_number(2);
  REQUIRE(admin.add("job", job_with(id)).status == 201);
  for (const char* state : {"RUNNING", "SUCCESS"}) {
    REQUIRE(admin.edit(id, {{"state", state}}).status == 200);
    check_refused(admin.add("job", job_with(id)), id);
    CHECK(admin.get(id).body["state"] == state);
  }
  CHECK(admin.get("job?filter=id='" + id + "'").body["count"] == 1);
}

TEST_CASE("chosen id: of many who add it at once one makes the job", "[api][ids]") {
  const auto id = id_number(3);
  std::array<int, 16> statuses{};
  std::vector<std::thread> callers;
  callers.reserve(statuses.size());
  for (int& status : statuses) {
    callers.emplace_back([&status, &id] { status = as_admin().add("job", job_with(id)).status; });
  }
  for (auto& caller : callers) caller.join();
  CHECK(std::count(statuses.begin(), statuses.end(), 201) == 1);
  CHECK(std::count(statuses.begin(), statuses.end(), 409) == 15);
}

TEST_CASE("chosen id: a replayed request is refused after kill and restart too", "[api][ids]") {
  ApiServer server({{}, {"--trust-authn-header"}, {}});
  const auto id = id_number(4);
  const auto body = job_with(id).dump();
  const std::string request =
      "POST /api/job HTTP/1.1\r\nHost: x\r\nConnection: close\r\nnuvla-authn-info: " +
      std::string(admin_claims) +
      "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
      "\r\n\r\n" + body;
  CHECK(converse(server.port(), request).starts_with("HTTP/1.1 201 "));
  server.kill();
  server.restart();
  CHECK(converse(server.port(), request).starts_with("HTTP/1.1 409 "));
  CHECK(as_admin(server).get("job?last=0").body["count"] == 1);
}

TEST_CASE("chosen id: what is none is refused with what was expected", "[api][ids]") {
  const auto admin = as_admin();
  const std::string good = id_number(5);
  const std::vector<json> none{"job/1",
                               "job/",
                               "",
                               good + "0",
                               good.substr(4),
                               "user/" + good.substr(4),
                               "job/5F0C0000-0000-5000-8000-000000000105",
                               "job/5f0c00000000-0000-5000-8000-00000000105",
                               7,
                               nullptr,
                               json::array()};
  for (const json& id : none) {
    const auto answer = admin.add("job", job_with(id));
    INFO(id.dump() << " " << answer.message());
    CHECK(answer.status == 400);
    CHECK(answer.message() == "the resource does not satisfy defined schema:\nid: " + id.dump() +
                                  ", expected \"job/<uuid>\" with a uuid in lower case, or no id");
  }
}

TEST_CASE("chosen id: a job that is refused leaves its id free, a deleted one too", "[api][ids]") {
  const auto admin = as_admin();
  const auto id = id_number(6);
  auto bad = job_with(id);
  bad["priority"] = "high";
  CHECK(admin.add("job", bad).status == 400);
  CHECK(admin.add("job", job_with(id)).status == 201);
  CHECK(admin.remove(id).status == 200);
  CHECK(admin.add("job", job_with(id)).status == 201);
}

TEST_CASE("chosen id: others than administrators learn nothing about it", "[api][ids]") {
  const Caller jane(trusting_server().port(), "user/jane user/jane group/nuvla-user");
  const auto id = id_number(7);
  const auto free = jane.add("job", job_with(id));
  REQUIRE(as_admin().add("job", job_with(id)).status == 201);
  const auto taken = jane.add("job", job_with(id));
  CHECK(free.status == 403);
  CHECK(taken.status == 403);
  CHECK(free.message() == taken.message());
}

}  // namespace
}  // namespace jobengine::tests
