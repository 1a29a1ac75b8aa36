// jobctl logs against a real job-api, and against an API that has no logs.
#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/integration/api/exchange.hpp"
#include "tests/integration/ctl/jobctl_process.hpp"
#include "tests/servers/api_server.hpp"
#include "tests/servers/http_server.hpp"
#include "tests/support/loop_test.hpp"

using namespace jobengine;
using Catch::Contains;
using nlohmann::json;

namespace {

class Api {
 public:
  tests::ApiServer server{{{}, {"--trust-authn-header", "--body-limit", "8000000"}, {}}};
  tests::Caller admin{server.port(), "group/nuvla-admin"};

  tests::Ran logs(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "logs");
    return tests::jobctl(std::move(arguments), variables());
  }
  std::vector<std::string> variables() const {
    return {"JOB_API_URL=" + server.url(), "JOB_API_AUTHN_HEADER=group/nuvla-admin"};
  }
  std::string new_job() const {
    return admin.added("job", json{{"action", "logged"}, {"execution-mode", "pull"}});
  }
  void append(const std::string& job, std::int64_t first, const std::vector<std::string>& texts,
              const std::string& stream = "stdout", int attempt = 1) const {
    json body = {{"attempt", attempt}, {"first", first}, {"lines", json::array()}};
    for (const auto& text : texts) {
      json line = {{"time", "2026-05-06T07:08:09.123Z"}, {"stream", stream}, {"text", text}};
      body["lines"].push_back(std::move(line));
    }
    const auto kept = admin.operate(job + "/logs", body);
    INFO(kept.message());
    REQUIRE(kept.status == 200);
  }
  void end(const std::string& job) const {
    REQUIRE(admin.edit(job, json{{"state", "SUCCESS"}}).status == 200);
  }
};

std::string content(const std::string& file) {
  std::ifstream stream(file);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

void wait_for(const std::string& file, const std::string& text) {
  tests::run_on_loop([&](asio::io_context&) -> awaitable<void> {
    auto there = [&] { return content(file).find(text) != std::string::npos; };
    const bool in_time = co_await tests::eventually(there);
    INFO(content(file));
    REQUIRE(in_time);
  });
}

}  // namespace

TEST_CASE("jobctl logs: all lines, or some, for people and for machines", "[ctl][logs]") {
  const Api api;
  const auto job = api.new_job();
  const auto nothing = api.logs({job});
  CHECK(nothing.code == 0);
  CHECK(nothing.out.empty());
  CHECK_THAT(nothing.err, Contains("There are no lines of " + job + ", which is QUEUED"));
  api.append(job, 0, {"one", "two"});
  api.append(job, 2, {"three"}, "stderr");
  api.append(job, 0, {"four"}, "engine", 2);
  const auto all = api.logs({job.substr(4)});
  INFO(all.err);
  CHECK(all.code == 0);
  CHECK(all.out == "one\ntwo\nthree\nfour\n");
  CHECK(all.err == "-- attempt 2 --\n");
  CHECK(api.logs({job, "--last", "2"}).out == "three\nfour\n");
  CHECK(api.logs({job, "--attempt", "1", "--stream", "stdout"}).out == "one\ntwo\n");
  CHECK(api.logs({job, "--timestamps", "--stream", "stderr"}).out ==
        "2026-05-06T07:08:09.123Z stderr      three\n");
  const auto machine = api.logs({job, "-o", "json", "--last", "1"});
  CHECK(machine.json() == json{{"attempt", 2},
                               {"n", 0},
                               {"stream", "engine"},
                               {"text", "four"},
                               {"time", "2026-05-06T07:08:09.123Z"}});
}

TEST_CASE("jobctl logs: more than the API gives at once", "[ctl][logs]") {
  const Api api;
  const auto job = api.new_job();
  std::string expected;
  for (int batch = 0; batch < 3; ++batch) {
    std::vector<std::string> texts;
    for (int i = 0; i < 5000; ++i) {
      texts.push_back(std::to_string(batch * 5000 + i) + std::string(400, 'x'));
      expected += texts.back() + "\n";
    }
    api.append(job, std::int64_t{batch} * 5000, texts);
  }
  const auto all = api.logs({job});
  const bool same = all.out == expected;
  CHECK(same);
  CHECK(all.err.empty());
}

TEST_CASE("jobctl logs -f: prints lines as they come, through a restart, until the end",
          "[ctl][logs]") {
  Api api;
  const auto job = api.new_job();
  api.append(job, 0, {"zero", "one"});
  const tests::TemporaryDirectory folder;
  const auto out = folder.file("out", "");
  const auto command = tests::program_path("jobctl") + " logs --follow " + job + " > " + out;
  std::optional<tests::Ran> ran;
  std::thread follower(
      [&] { ran = tests::run_program({"sh", "-c", "exec " + command}, api.variables()); });
  wait_for(out, "one\n");
  api.append(job, 2, {"while"});
  wait_for(out, "while\n");
  api.server.kill();
  api.server.restart();
  api.append(job, 3, {"after the restart"});
  wait_for(out, "after the restart\n");
  api.end(job);
  follower.join();
  INFO(ran->err);
  CHECK(ran->code == 0);
  CHECK(content(out) == "zero\none\nwhile\nafter the restart\n");
  // Of a job that is long over the end is told at once.
  const auto whole = api.logs({"-f", job});
  CHECK(whole.code == 0);
  CHECK(whole.out == "zero\none\nwhile\nafter the restart\n");
  const auto newest = api.logs({"-f", job, "--last", "1"});
  CHECK(newest.code == 0);
  CHECK(newest.out == "after the restart\n");
}

TEST_CASE("jobctl logs: what is missing is told", "[ctl][logs]") {
  const Api api;
  for (const bool follow : {false, true}) {
    std::vector<std::string> arguments = {"no-such-job"};
    if (follow) arguments.emplace_back("-f");
    const auto none = api.logs(arguments);
    CHECK(none.code == 1);
    CHECK_THAT(none.err, Contains("job/no-such-job not found"));
  }
  const auto wrong = api.logs({"no-such-job", "--stream", "all"});
  CHECK(wrong.code == 2);
  CHECK_THAT(wrong.err, Contains("--stream"));
  const auto stranger = tests::jobctl(
      {"logs", "-f", api.new_job()},
      {"JOB_API_URL=" + api.server.url(), "JOB_API_AUTHN_HEADER=user/jane user/jane user/jane"});
  CHECK(stranger.code == 1);
  CHECK_THAT(stranger.err, Contains("invalid credentials for 'job/"));
}

TEST_CASE("jobctl logs: an API that has no logs is told apart from a job that is not there",
          "[ctl][logs]") {
  for (const int status : {404, 405}) {
    tests::run_on_loop([&](asio::io_context& loop) -> awaitable<void> {
      tests::HttpServer server(loop, [status](const tests::HttpReceived& request) {
        tests::HttpScripted answer;
        const bool logs = request.target.find("/logs") != std::string::npos;
        answer.status = logs ? status : 200;
        answer.body = logs ? R"({"status":404,"message":"undefined action"})"
                           : R"({"id":"job/1","state":"RUNNING"})";
        answer.headers.emplace_back("Content-Type", "application/json");
        return answer;
      });
      std::optional<tests::Ran> ran;
      std::atomic<bool> ended = false;
      std::thread asking([&] {
        ran = tests::jobctl({"logs", "job/1"}, {"JOB_API_URL=" + server.url(),
                                                "JOB_API_AUTHN_HEADER=group/nuvla-admin"});
        ended = true;
      });
      auto over = [&] { return ended.load(); };
      const bool in_time = co_await tests::eventually(over);
      asking.join();
      CHECK(in_time);
      CHECK(ran->code == 1);
      CHECK_THAT(ran->err, Contains("no logs of jobs at this API") && Contains("job/1"));
      co_await server.stop();
    });
  }
}

TEST_CASE("jobctl show: the end of what a job has written", "[ctl][logs]") {
  const Api api;
  const auto job = api.new_job();
  const auto change = json{{"output", "line 1\nline 2"}};
  REQUIRE(api.admin.edit(job, change).status == 200);
  const auto shown = tests::jobctl({"show", job}, api.variables());
  CHECK_THAT(shown.out, Contains("output:\n  line 1\n  line 2\n"));
  CHECK_THAT(shown.err, Contains("jobctl logs " + job));
}
