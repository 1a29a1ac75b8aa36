// jobctl actions: of an executor that runs, and of a folder.
#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/integration/ctl/jobctl_process.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using Catch::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

std::string place_of(const std::string& program) {
  for (const auto& process : tests::shared_dev().facts().at("processes")) {
    if (!process.at("name").get<std::string>().starts_with(program)) continue;
    return "127.0.0.1:" + std::to_string(process.at("telemetry-port").get<int>());
  }
  FAIL("no process " + program);
  return "";
}

json names_in(const json& report) {
  json names = json::array();
  for (const auto& action : report.at("actions")) names.push_back(action.at("name"));
  return names;
}

}  // namespace

TEST_CASE("actions: an executor that runs tells what it offers") {
  const auto ran = tests::jobctl({"actions", "--executor", place_of("job-executor"), "--json"});
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  const json report = ran.json();
  CHECK(names_in(report).dump().find("\"run_command\"") != std::string::npos);
  CHECK(report["labels"] == json::array());
  CHECK(report["actions"][0]["edition"] == 1);
  CHECK(report["actions"][0]["offered"] == true);
  const auto table = tests::jobctl({"actions", "--executor", place_of("job-executor")});
  CHECK_THAT(table.out, Catch::StartsWith("NAME") && Contains("http_request"));
  const auto one =
      tests::jobctl({"actions", "run_command", "--executor", place_of("job-executor")});
  CHECK_THAT(one.out, Contains("run_command") && Contains("payload") && Contains("edition"));
}

TEST_CASE("actions: the files of a folder tell what an executor would offer") {
  tests::TemporaryDirectory folder;
  const fs::path plugins = tests::build_directory() + "/tests/plugins";
  fs::create_directory(folder.path() / "greet");
  fs::copy_file(plugins / "editions/edition_1.so", folder.path() / "e.so");
  fs::copy_file(plugins / "bad/schema.so", folder.path() / "bad.so");
  const auto yaml = folder.file("greet/greet.action.yaml",
                                "name: greet\ndescription: Greets\ntimout: 5m\ncommand: [sh]\n");
  const std::string place = folder.path().string();
  const auto ran = tests::jobctl({"actions", "--actions-dir", place});
  CHECK(ran.code == 0);
  CHECK_THAT(ran.out, Contains("edition_tell") && Contains("greet"));
  CHECK_THAT(ran.err, Contains("bad.so is refused") && Contains("/type") && Contains("\"timout\""));
  const auto machine = tests::jobctl({"-o", "json", "actions", "--actions-dir", place});
  CHECK(machine.json()["refused"].size() == 1);
  const auto missing = tests::jobctl({"actions", "--actions-dir", place, "gret"});
  CHECK(missing.code == 1);
  CHECK_THAT(missing.err, Contains("did you mean greet?"));
}

TEST_CASE("actions: whoever does not answer is named, with what can be done") {
  const auto nobody = tests::jobctl({"actions", "--executor", "127.0.0.1:1"});
  CHECK(nobody.code == 1);
  CHECK_THAT(nobody.err, Contains("no executor answers at 127.0.0.1:1") &&
                             Contains("--telemetry-port") && Contains("--actions-dir"));
  const auto no_folder = tests::jobctl({"actions", "--actions-dir", "/no/such/folder"});
  CHECK(no_folder.code == 1);
  CHECK_THAT(no_folder.err, Contains("/no/such/folder cannot be read"));
  const auto distributor = tests::jobctl({"actions", "--executor", place_of("job-distributor")});
  CHECK(distributor.code == 1);
  CHECK_THAT(distributor.err, Contains("it is no job-executor"));
}
