// Arrays of jobs: all of them are stored or none, and the answer tells of each.
#include <catch2/catch.hpp>
#include <set>

#include "tests/integration/api/exchange.hpp"
#include "tests/integration/api/wire.hpp"
#include "tests/servers/api_server.hpp"

namespace jobengine::tests {
namespace {

using Catch::Contains;
using nlohmann::json;

constexpr const char* admin_claims = "user/root user/root group/nuvla-admin group/nuvla-user";

ApiServer& trusting_server() {
  static ApiServer server({{}, {"--trust-authn-header"}, {}});
  return server;
}

Caller as_admin(const ApiServer& server = trusting_server()) {
  return {server.port(), admin_claims};
}

std::string id_number(int number) {
  return "job/5f0c0000-0000-5000-8000-000000000" + std::to_string(100 + number);
}

json job_of(const std::string& action) {
  return {{"action", action}, {"target-resource", {{"href", "deployment/1"}}}};
}

json jobs_of(const std::string& action, std::size_t count) {
  return json(count, job_of(action));
}

// How many jobs of that action there are.
int stored(const std::string& action, const ApiServer& server = trusting_server()) {
  return as_admin(server).get("job?last=0&filter=action='" + action + "'").body["count"];
}

TEST_CASE("bulk add: each job is what a single add makes of it, in the order of the array",
          "[api][bulk]") {
  const auto admin = as_admin();
  json list = json::array();
  for (int i = 0; i < 300; ++i) {
    auto job = job_of("alike");
    job["name"] = "number " + std::to_string(i);
    if (i % 2 == 0) job["priority"] = i;
    list.push_back(job);
  }
  const auto answer = admin.add("job", list);
  INFO(answer.body.dump().substr(0, 300));
  REQUIRE(answer.status == 201);
  REQUIRE(answer.body.size() == 300);
  const auto single = admin.get(admin.added("job", list[1])).body;
  std::string before;
  for (std::size_t i = 0; i < 300; ++i) {
    const auto& told = answer.body[i];
    const std::string id = told["resource-id"];
    CHECK(told["status"] == 201);
    CHECK(told["message"] == id + " created");
    CHECK(before < id);
    before = id;
  }
  auto job = admin.get(answer.body[1]["resource-id"]).body;
  CHECK(admin.get(answer.body[298]["resource-id"]).body["priority"] == 298);
  for (const char* own : {"id", "created", "updated", "operations"}) {
    CHECK(job.contains(own));
    job.erase(own);
  }
  for (const auto& [name, value] : job.items()) CHECK(single[name] == value);
  CHECK(stored("alike") == 301);
  CHECK(admin.get("job?last=0&filter=action='alike'%20and%20tags!=null").body["count"] == 301);
}

TEST_CASE("bulk add: one job that is refused keeps all of them away, and is named with the reason",
          "[api][bulk]") {
  const auto admin = as_admin();
  const auto refused = [&](std::size_t place, const json& bad) {
    auto list = jobs_of("spoiled", 5);
    list[place] = bad;
    const auto answer = admin.add("job", list);
    CHECK(answer.status == 400);
    CHECK(answer.body["element"] == place);
    CHECK_THAT(answer.message(), Catch::StartsWith("element " + std::to_string(place) + ": "));
    return answer.message();
  };
  auto bad = job_of("spoiled");
  bad["priority"] = 1000;
  CHECK_THAT(refused(3, bad), Contains("priority: 1000, expected an integer from 0"));
  CHECK_THAT(refused(0, json::object()), Contains("action"));
  CHECK_THAT(refused(4, 7), Contains("expected a JSON object"));
  CHECK_THAT(refused(2, {{"id", "job/1"}, {"action", "spoiled"}}), Contains("id: \"job/1\""));
  const auto nothing = admin.add("job", json::array());
  CHECK(nothing.status == 400);
  CHECK_THAT(nothing.message(), Contains("at least one"));
  CHECK(stored("spoiled") == 0);
}

TEST_CASE("bulk add: what is no JSON is refused, with the element when only one is broken",
          "[api][bulk]") {
  const auto post = [](const std::string& body) {
    return converse(trusting_server().port(),
                    "POST /api/job HTTP/1.1\r\nHost: x\r\nConnection: close\r\nnuvla-authn-info: " +
                        std::string(admin_claims) + "\r\nContent-Type: application/json\r\n" +
                        "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  };
  const std::string good = R"({"action": "broken"})";
  for (const auto& body : {"[" + good, "[" + good + "}", "[" + good + "] 1", std::string("["),
                           "[" + good + ",\"]", "[" + good + ",{]}]"}) {
    INFO(body);
    CHECK_THAT(post(body), Contains("HTTP/1.1 400 ") && Contains("Malformed JSON"));
  }
  for (const auto& body : {"[" + good + ",]", "[" + good + "," + good + "1]",
                           "[" + good + "," + std::string(70, '[') + std::string(70, ']') + "]"}) {
    INFO(body);
    CHECK_THAT(post(body), Contains("HTTP/1.1 400 ") && Contains("element 1: malformed JSON"));
  }
  CHECK(stored("broken") == 0);
}

TEST_CASE("bulk add: chosen ids that are taken are named, and nothing is stored", "[api][bulk]") {
  const auto admin = as_admin();
  auto list = jobs_of("chosen", 4);
  list[1]["id"] = id_number(1);
  list[3]["id"] = id_number(3);
  const auto first = admin.add("job", list);
  REQUIRE(first.status == 201);
  CHECK(first.body[1]["resource-id"] == id_number(1));
  CHECK(first.body[3]["resource-id"] == id_number(3));
  const auto again = admin.add("job", list);
  CHECK(again.status == 409);
  CHECK(again.message() == "conflict with " + id_number(1) + ", " + id_number(3));
  CHECK(again.body["resource-id"] == id_number(1));
  auto twice = jobs_of("chosen", 2);
  twice[0]["id"] = twice[1]["id"] = id_number(4);
  const auto same = admin.add("job", twice);
  CHECK(same.status == 400);
  CHECK(same.body["element"] == 1);
  CHECK(admin.get(id_number(4)).status == 404);
  CHECK(stored("chosen") == 4);
}

TEST_CASE("bulk add: 10000 jobs fit into one request, more do not", "[api][bulk]") {
  const auto admin = as_admin();
  auto list = jobs_of("ten_thousand", 10000);
  // More than a request of one job may have.
  for (auto& job : list) job["payload"] = R"({"text": "some forty characters of a payload"})";
  REQUIRE(list.dump().size() > 1024 * 1024);
  const auto answer = admin.add("job", list);
  REQUIRE(answer.status == 201);
  std::set<std::string> ids;
  for (const auto& one : answer.body) ids.insert(one["resource-id"].get<std::string>());
  CHECK(ids.size() == 10000);
  CHECK(stored("ten_thousand") == 10000);
  list.push_back(job_of("ten_thousand"));
  const auto refused = admin.add("job", list);
  CHECK(refused.status == 413);
  CHECK_THAT(refused.message(), Contains("10000"));
  CHECK(stored("ten_thousand") == 10000);
}

TEST_CASE("bulk add: only an array may be longer than other bodies, up to its own limit",
          "[api][bulk]") {
  const ApiServer server(
      {{}, {"--trust-authn-header", "--body-limit", "2000", "--bulk-body-limit", "50000"}, {}});
  const auto admin = as_admin(server);
  auto long_job = job_of("long");
  long_job["payload"] = json(std::string(3000, 'x')).dump();
  CHECK(admin.add("job", long_job).status == 413);
  const auto too_long = admin.add("job", json::array({job_of("long"), long_job}));
  CHECK(too_long.status == 413);
  CHECK(too_long.body["element"] == 1);
  auto job = job_of("long");
  job["payload"] = json(std::string(1500, 'x')).dump();
  CHECK(admin.add("job?", json::array({job})).status == 201);
  CHECK(admin.add("session", json(10, job)).status == 413);
  CHECK(admin.add("job", json(10, job)).status == 201);
  CHECK(admin.add("job", json(40, job)).status == 413);
  CHECK(stored("long", server) == 11);
}

TEST_CASE("bulk add: who may not add a job may not add many", "[api][bulk]") {
  const Caller jane(trusting_server().port(), "user/jane user/jane group/nuvla-user");
  CHECK(jane.add("job", jobs_of("forbidden", 3)).status == 403);
  CHECK(stored("forbidden") == 0);
  // Other collections take one resource at a time.
  const auto user = as_admin().add("group", json::array({json::object()}));
  CHECK(user.status == 400);
  CHECK_THAT(user.message(), Contains("must be a JSON object"));
}

TEST_CASE("bulk add: what was answered is there after a kill", "[api][bulk]") {
  ApiServer server({{}, {"--trust-authn-header"}, {}});
  const auto answer = as_admin(server).add("job", jobs_of("durable", 2000));
  REQUIRE(answer.status == 201);
  server.kill();
  server.restart();
  CHECK(stored("durable", server) == 2000);
}

}  // namespace
}  // namespace jobengine::tests
