#include "ctl/job_file.hpp"

#include <catch2/catch.hpp>
#include <sstream>

#include "ctl/job_ids.hpp"

using namespace jobengine;
using Catch::Contains;
using nlohmann::json;

namespace {

std::vector<ctl::JobOfFile> all_of(const std::string& text) {
  std::istringstream stream(text);
  ctl::JobFile file(stream, "jobs");
  std::vector<ctl::JobOfFile> jobs;
  while (auto job = file.next()) jobs.push_back(std::move(*job));
  return jobs;
}

std::vector<std::string> actions(const std::string& text) {
  std::vector<std::string> names;
  for (const auto& job : all_of(text)) names.push_back(job.document["action"]);
  return names;
}

}  // namespace

TEST_CASE("job file: a document a line, blank lines do not count", "[ctl]") {
  const std::string text = "\n{\"action\": \"a\"}\r\n\n  {\"action\":\"b\"}  \n{\"action\":\"c\"}";
  CHECK(actions(text) == std::vector<std::string>{"a", "b", "c"});
  CHECK(all_of(text)[0].line == 2);
  CHECK(all_of(text)[1].line == 4);
  CHECK(all_of(text)[2].line == 5);
  CHECK(all_of("").empty());
  CHECK(all_of(" \n\n").empty());
}

TEST_CASE("job file: an array over any lines, with brackets and commas in texts", "[ctl]") {
  const std::string text =
      "\n [\n{\"action\": \"a,]\\\"}\"},\n\n{\n\"action\":\"b\", \"tags\": [\"x\"]}, "
      "{\"action\":\"c\"}\n]\n";
  CHECK(actions(text) == std::vector<std::string>{"a,]\"}", "b", "c"});
  CHECK(all_of(text)[0].line == 3);
  CHECK(all_of(text)[1].line == 5);
  CHECK(all_of(text)[2].line == 6);
  CHECK(all_of("[]").empty());
}

TEST_CASE("job file: what is wrong is told with its line", "[ctl]") {
  const std::string good = "{\"action\": \"a\"}\n";
  CHECK_THROWS_WITH(all_of(good + "{]"), Contains("jobs line 2: is not JSON: {]"));
  CHECK_THROWS_WITH(all_of(good + good + "7"), Contains("jobs line 3: expected a JSON object"));
  CHECK_THROWS_WITH(all_of(good + "{}"), Contains("jobs line 2: action is missing"));
  CHECK_THROWS_WITH(all_of("[" + good + "\n"), Contains("jobs line 1: the array does not end"));
  CHECK_THROWS_WITH(all_of("[" + good + ",]"), Contains("jobs line 2: is not JSON"));
  CHECK_THROWS_WITH(all_of("[" + good + "] 1"), Contains("line 2: something stands behind"));
  CHECK_THROWS_WITH(all_of(R"({"action": "a", "mode": "pull", "execution-mode": "push"})"),
                    Contains("line 1: mode and execution-mode are given"));
  CHECK_THROWS_WITH(all_of(R"({"action": "a", "target": 7})"),
                    Contains("line 1: target: expected"));
}

TEST_CASE("job file: short names and payloads become what the API takes", "[ctl]") {
  const auto job = ctl::job_of_file(json::parse(
      R"({"action": "a", "target": "x/1", "mode": "pull", "payload": {"n": 1}, "priority": 3})"));
  CHECK(job == json::parse(R"({"action": "a", "target-resource": {"href": "x/1"},
                             "execution-mode": "pull", "payload": "{\"n\":1}", "priority": 3})"));
  const auto same = json::parse(R"({"action": "a", "payload": "{\"n\": 1}", "id": "job/1"})");
  CHECK(ctl::job_of_file(same) == same);
}

TEST_CASE("job ids: they differ, sort as they were made, and have the form of an id", "[ctl]") {
  ctl::JobIds ids;
  std::string before;
  for (int i = 0; i < 10000; ++i) {
    const auto id = ids.next();
    REQUIRE(before < id);
    before = id;
  }
  CHECK_THAT(before,
             Catch::Matches("job/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]"
                            "{12}"));
}
