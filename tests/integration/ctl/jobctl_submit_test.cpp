// jobctl submit of many jobs, against a real job-api, and one whose answers get lost.
#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "tests/integration/api/exchange.hpp"
#include "tests/integration/ctl/jobctl_process.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/servers/http_server.hpp"
#include "tests/support/loop_test.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using Catch::Contains;
using nlohmann::json;

namespace {

constexpr const char* administrator = "group/nuvla-admin";

class Api {
 public:
  tests::ApiServer server{{{}, {"--trust-authn-header"}, {}}};
  tests::Caller admin{server.port(), administrator};
  tests::TemporaryDirectory folder;

  tests::Ran submit(std::vector<std::string> arguments, const std::string& url = {}) const {
    arguments.insert(arguments.begin(), "submit");
    return tests::jobctl(std::move(arguments),
                         {"JOB_API_URL=" + (url.empty() ? server.url() : url),
                          std::string("JOB_API_AUTHN_HEADER=") + administrator});
  }
  std::string file(const std::string& content) const {
    const auto name = (folder.path() / "jobs.json").string();
    std::ofstream(name) << content;
    return name;
  }
  int stored(const std::string& action) const {
    return admin.get("job?last=0&filter=action='" + action + "'").body["count"];
  }
};

std::string lines(const std::string& action, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += json{{"action", action}, {"mode", "pull"}, {"payload", {{"n", i}}}}.dump() + "\n";
  }
  return text;
}

std::size_t line_count(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

TEST_CASE("jobctl submit --count: so many equal jobs, in several requests", "[ctl]") {
  const Api api;
  const auto ran =
      api.submit({"counted", "--count", "1201", "--priority", "7", "--mode", "pull", "--json"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  REQUIRE(ran.json().size() == 1201);
  CHECK(api.stored("counted") == 1201);
  const auto job = api.admin.get(ran.json().at(1200)).body;
  CHECK(job["priority"] == 7);
  CHECK(job["execution-mode"] == "pull");
  const auto people = api.submit({"counted", "--count", "3"});
  CHECK(people.code == 0);
  CHECK(line_count(people.out) == 3);
  CHECK_THAT(people.out, Catch::StartsWith("job/"));
}

TEST_CASE("jobctl submit --from-file: JSON lines, an array, and standard input", "[ctl]") {
  const Api api;
  const auto from_lines = api.submit({"--from-file", api.file(lines("lines", 1001))});
  INFO(from_lines.err);
  REQUIRE(from_lines.code == 0);
  CHECK(line_count(from_lines.out) == 1001);
  CHECK(api.stored("lines") == 1001);
  auto list = json::array();
  for (int i = 0; i < 700; ++i) list.push_back({{"action", "array"}, {"target", "x/1"}});
  const auto from_array = api.submit({"--from-file", api.file(list.dump(1))});
  CHECK(from_array.code == 0);
  CHECK(api.stored("array") == 700);
  const auto name = api.file(lines("piped", 2));
  const auto piped = tests::run_program(
      {"sh", "-c", "exec " + tests::program_path("jobctl") + " submit --from-file - < " + name},
      {"JOB_API_URL=" + api.server.url(), std::string("JOB_API_AUTHN_HEADER=") + administrator});
  CHECK(piped.code == 0);
  CHECK(api.stored("piped") == 2);
}

TEST_CASE(
    "jobctl submit --from-file: a job that is refused is named by its line; what was submitted "
    "is told",
    "[ctl]") {
  const Api api;
  const auto bad = lines("partly", 600) + R"({"action": "partly", "priority": 1000})" + "\n";
  const auto ran = api.submit({"--from-file", api.file(bad)});
  CHECK(ran.code == 1);
  CHECK_THAT(ran.err, Contains("jobs.json line 601: ") && Contains("priority: 1000, expected") &&
                          Contains("500 jobs submitted before"));
  CHECK(line_count(ran.out) == 500);
  CHECK(api.stored("partly") == 500);
  const auto broken = api.submit({"--from-file", api.file("{\"action\": \"x\"}\n{"), "--json"});
  CHECK(broken.code == 1);
  CHECK_THAT(broken.err, Contains("jobs.json line 2: is not JSON"));
  CHECK(broken.json() == json::array());
  const auto none = api.submit({"--from-file", "/no/such/file"});
  CHECK(none.code == 1);
  CHECK_THAT(none.err, Contains("/no/such/file"));
}

TEST_CASE("jobctl submit of many: wrong use is told", "[ctl]") {
  const Api api;
  for (const auto& wrong :
       std::vector<std::vector<std::string>>{{"--from-file", "x", "action"},
                                             {"--from-file", "x", "--count", "3"},
                                             {"--from-file", "x", "--priority", "3"},
                                             {"--from-file", ""},
                                             {"--count", "3"},
                                             {"action", "--count", "0"}}) {
    const auto ran = api.submit(wrong);
    INFO(json(wrong).dump() << ran.err);
    CHECK(ran.code == 2);
  }
}

TEST_CASE("jobctl submit of many --wait: the exit code tells of all of them", "[ctl]") {
  const Api api;
  const auto end_all = [&](const std::string& action, const std::vector<std::string>& states) {
    std::optional<tests::Ran> ran;
    std::thread waiting([&] {
      ran = api.submit({action, "--count", std::to_string(states.size()), "--mode", "pull",
                        "--wait", "-o", "json"});
    });
    tests::run_on_loop([&](asio::io_context&) -> awaitable<void> {
      auto there = [&] { return api.stored(action) == static_cast<int>(states.size()); };
      const bool in_time = co_await tests::eventually(there);
      REQUIRE(in_time);
    });
    const auto jobs = api.admin.get("job?filter=action='" + action + "'").body["resources"];
    for (std::size_t i = 0; i < states.size(); ++i) {
      const std::string id = jobs[i]["id"];
      const bool removed = states[i] == "GONE";
      const auto done = removed ? api.admin.remove(id) : api.admin.edit(id, {{"state", states[i]}});
      CHECK(done.status == 200);
    }
    waiting.join();
    CHECK(ran->json().size() == states.size());
    return ran->code;
  };
  CHECK(end_all("fine", {"SUCCESS", "SUCCESS", "SUCCESS"}) == 0);
  CHECK(end_all("failed", {"SUCCESS", "CANCELED", "FAILED"}) == 3);
  CHECK(end_all("canceled", {"SUCCESS", "CANCELED"}) == 4);
  CHECK(end_all("gone", {"SUCCESS", "GONE", "FAILED"}) == 1);
}

namespace {

enum class Loss { Request, Answer };

// Submits 700 jobs; of the second request the first time either itself or its answer is lost.
tests::Ran submit_with_loss(const Api& api, const std::string& action, Loss loss,
                            int lost_request) {
  std::optional<tests::Ran> ran;
  tests::run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
    int posts = 0;
    auto script = [&](const tests::HttpReceived& received) {
      tests::HttpScripted scripted;
      const bool post = received.method == "POST";
      const bool lost = post && ++posts == lost_request;
      if (lost) scripted.manner = tests::HttpScripted::Manner::Drop;
      if (lost && loss == Loss::Request) return scripted;
      const auto body = received.body.empty() ? json() : json::parse(received.body);
      const auto answer = api.admin.send(received.method, received.target.substr(5), body);
      scripted.status = answer.status;
      scripted.body = answer.body.dump();
      scripted.headers = {{"Content-Type", "application/json"}};
      return scripted;
    };
    tests::HttpServer between(loop, script);
    std::atomic<bool> ended{false};
    std::thread submitting([&, url = between.url()] {
      ran = api.submit({action, "--count", "700", "--mode", "pull"}, url);
      ended = true;
    });
    auto is_over = [&] { return ended.load(); };
    const bool in_time = co_await tests::eventually(is_over);
    submitting.join();
    co_await between.stop();
    REQUIRE(in_time);
  });
  return *ran;
}

}  // namespace

TEST_CASE("jobctl submit of many: a lost request is repeated, a lost answer makes no job twice",
          "[ctl]") {
  const Api api;
  for (const auto loss : {Loss::Request, Loss::Answer}) {
    const std::string action = loss == Loss::Request ? "lost_request" : "lost_answer";
    const auto ran = submit_with_loss(api, action, loss, 2);
    INFO(ran.err);
    CHECK(ran.code == 0);
    CHECK(line_count(ran.out) == 700);
    CHECK(api.stored(action) == 700);
  }
  // Before the API has shown that it takes the ids chosen here nothing is repeated.
  const auto first = submit_with_loss(api, "first_request", Loss::Request, 1);
  CHECK(first.code == 1);
  CHECK_THAT(first.err, Contains("is not known") && Contains("0 jobs submitted"));
  CHECK(api.stored("first_request") == 0);
}
