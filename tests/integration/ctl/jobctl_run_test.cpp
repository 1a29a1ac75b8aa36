// jobctl run and jobctl actions new: no server is needed.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/integration/ctl/jobctl_process.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using Catch::Contains;
using nlohmann::json;

namespace {

std::string plugin() {
  return tests::build_directory() + "/tests/plugins/good/test_actions.so";
}

tests::Ran tried(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"run", plugin()});
  return tests::jobctl(std::move(arguments));
}

std::vector<json> events(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"-o", "json", "run", plugin()});
  const auto ran = tests::jobctl(std::move(arguments));
  INFO(ran.err);
  std::vector<json> result;
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) result.push_back(json::parse(line));
  return result;
}

json event(const std::vector<json>& events, const std::string& kind) {
  for (const json& one : events) {
    if (one["event"] == kind) return one;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("run: shows what the action says, and how it would end") {
  const auto ran = tried({"test_ok"});
  CHECK(ran.code == 0);
  CHECK_THAT(ran.out, Contains("progress   50%") && Contains("status     half way") &&
                          Contains("affected   deployment/7") && Contains("result     SUCCESS"));
}

TEST_CASE("run: each end has its exit code") {
  CHECK(tried({"test_return", "--payload", "17"}).code == 3);
  CHECK(tried({"test_leave_running"}).code == 4);
  const auto crashed = tried({"test_crash"});
  CHECK(crashed.code == 3);
  CHECK_THAT(crashed.out, Contains("result     FAILED: The action broke its process: killed by"));
  CHECK(crashed.err.empty());
}

TEST_CASE("run: a payload the schema does not allow is told, and nothing is run") {
  const auto ran = tried({"test_schema", "--payload", R"({"count": 0})"});
  CHECK(ran.code == 3);
  CHECK_THAT(ran.out, Contains("without being run") && Contains("/count"));
}

TEST_CASE("run: the API answers as the author says, and 404 otherwise") {
  const auto scripted =
      events({"test_ask_api", "--answers",
              R"([{"method": "GET", "path": "job/00000000-0000-0000-0000-000000000001",
                   "body": {"id": "job/1"}}])"});
  CHECK(event(scripted, "api")["status"] == 200);
  CHECK(event(events({"test_ask_api"}), "api")["status"] == 404);
}

TEST_CASE("run: an action is stopped at its limit, and killed when it does not listen") {
  const auto obeyed = tried({"test_obey", "--timeout", "50ms"});
  CHECK_THAT(obeyed.out, Contains("stop       asked to stop") && !Contains("SIGTERM"));
}

TEST_CASE("run: what cannot be run is said on one line") {
  const auto unknown = tried({"test_nothing"});
  CHECK(unknown.code == 1);
  CHECK_THAT(unknown.err, Contains("has no action test_nothing; it has: test_ok, "));
  const auto several = tried({});
  CHECK(several.code == 1);
  CHECK_THAT(several.err, Contains("has several actions; name one of them"));
  const auto missing = tests::jobctl({"run", "/nowhere/a.so"});
  CHECK(missing.code == 1);
  CHECK_THAT(missing.err, Contains("there is no file /nowhere/a.so"));
  CHECK(tried({"test_ok", "--payload", "{"}).code == 2);
  CHECK(tried({"test_ok", "--attempt", "0"}).code == 2);
  const auto answers = tried({"test_ok", "--answers", R"([{"path": "x"}])"});
  CHECK(answers.code == 1);
  CHECK_THAT(answers.err, Contains("lacks \"method\""));
}

TEST_CASE("actions new: a whole project, with the name of the action everywhere") {
  const tests::TemporaryDirectory directory;
  const std::string project = (directory.path() / "mine").string();
  const auto ran = tests::jobctl({"actions", "new", "resize-image", "--directory", project});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(project)) {
    std::ifstream stream(entry.path());
    files[entry.path().filename()] = std::string(std::istreambuf_iterator<char>(stream), {});
  }
  CHECK(files.contains("CMakeLists.txt"));
  CHECK(files.contains("README.md"));
  CHECK(files.contains("resize-image_test.cpp"));
  CHECK_THAT(files["resize-image.cpp"],
             Contains("class ResizeImage") && Contains("return \"resize-image\""));
  for (const auto& [name, text] : files) CHECK_THAT(text, !Contains("@action@"));
}

TEST_CASE("actions new: nothing that is there is touched") {
  const tests::TemporaryDirectory directory;
  const std::string place = directory.path().string();
  const auto ran = tests::jobctl({"actions", "new", "mine", "--directory", place});
  CHECK(ran.code == 1);
  CHECK_THAT(ran.err, Contains("is there already; nothing was written"));
  CHECK(std::filesystem::is_empty(place));
  CHECK(tests::jobctl({"actions", "new", "9x"}).code == 2);
  const std::string below = place + "/a/b";
  CHECK(tests::jobctl({"actions", "new", "mine", "--directory", below}).code == 0);
}
