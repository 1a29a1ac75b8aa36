#include "executor/plugins/action_file.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "common/runtime/failure.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine;
using namespace jobengine::executor;
using namespace jobengine::tests;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

class Folder {
 public:
  std::string write(const std::string& name, const std::string& text, bool executable = false) {
    const auto file = directory_.path() / name;
    std::ofstream(file) << text;
    if (executable) std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file.string();
  }
  std::string path() const { return directory_.path().string(); }

 private:
  TemporaryDirectory directory_;
};

constexpr const char* usual = R"(name: resize
description: Resizes pictures
timeout: 5m
idle-timeout: 30
retry: { limit: 2, on: [crash] }
labels: [gpu, region=eu]
payload-schema:
  type: object
  properties: { width: { type: integer, minimum: 1 } }
command: [./main.sh, --fast]
)";

}  // namespace

TEST_CASE("action file: YAML says what a compiled-in manifest says") {
  Folder folder;
  const std::string program = folder.write("main.sh", "#!/bin/sh\n", true);
  const ActionFile action = read_action_file(folder.write("resize.action.yaml", usual));
  CHECK(action.manifest.name == "resize");
  CHECK(action.manifest.timeout == 5min);
  CHECK(action.manifest.idle_timeout == 30s);
  CHECK(action.manifest.retry.limit == 2);
  CHECK(action.manifest.retry.on_crash);
  CHECK(action.manifest.labels == std::vector<std::string>{"gpu", "region=eu"});
  CHECK(action.manifest.payload_schema["properties"]["width"]["minimum"] == 1);
  CHECK(action.manifest.command == std::vector<std::string>{"./main.sh", "--fast"});
  CHECK(action.folder == folder.path());
  CHECK(action.program == program);
  CHECK(action.warnings.empty());
}

TEST_CASE("action file: a program without a slash is looked up in PATH") {
  Folder folder;
  const ActionFile action = read_action_file(
      folder.write("a.action.yaml", "{name: a, description: b, command: [sh, -c, 'true']}"));
  CHECK_THAT(action.program, Catch::EndsWith("/sh"));
}

TEST_CASE("action file: a key that means nothing is told, with the one that was meant") {
  Folder folder;
  const ActionFile action = read_action_file(folder.write("a.action.yaml",
                                                          "name: a\n"
                                                          "description: b\n"
                                                          "timout: 5m\n"
                                                          "retry: {limits: 3}\n"
                                                          "command: [sh]\n"));
  REQUIRE(action.warnings.size() == 2);
  CHECK_THAT(action.warnings[0],
             Contains("a.action.yaml:3") && Contains("\"timout\"") && Contains("\"timeout\""));
  CHECK_THAT(action.warnings[1], Contains("a.action.yaml:4") && Contains("\"retry.limits\"") &&
                                     Contains("\"retry.limit\""));
}

TEST_CASE("action file: what is wrong is told with its line, value and what was expected") {
  struct Case {
    const char* text;
    std::vector<std::string> parts;
  };
  const auto bad = GENERATE(
      Case{"- a list\n", {"bad.action.yaml", "must be a map"}},
      Case{"name: [\n", {"bad.action.yaml", "not valid YAML"}},
      Case{"description: b\ncommand: [sh]\n", {"\"name\" is missing"}},
      Case{"name: a\ncommand: [sh]\n", {"\"description\" is missing"}},
      Case{"name: a\ndescription: b\n", {"\"command\" is missing"}},
      Case{"name: a\ndescription: b\ncommand: []\n", {":3", "command", "is empty"}},
      Case{"name: a\ndescription: b\ncommand: sh\n", {":3", "\"sh\"", "a list of texts"}},
      Case{"name: a b\ndescription: b\ncommand: [sh]\n", {":1", "a b", "letters"}},
      Case{"name: a\ndescription: b\ntimeout: soon\ncommand: [sh]\n",
           {":3", "timeout", "\"soon\"", "a duration"}},
      Case{"name: a\ndescription: b\ntimeout:\ncommand: [sh]\n", {":3", "null", "a duration"}},
      Case{"name: a\ndescription: b\nisolation: shared\ncommand: [sh]\n", {":3", "isolation"}},
      Case{"name: a\ndescription: b\ncommand: [sh]\nretry: {limit: -1}\n", {":4", "limit", "-1"}},
      Case{"name: a\ndescription: b\ncommand: [sh]\npayload-schema: {type: strin}\n",
           {":4", "payload-schema", "/type", "strin"}},
      Case{"name: a\ndescription: b\ncommand: [./gone.sh]\n", {":3", "no program", "gone.sh"}},
      Case{"name: a\ndescription: b\ncommand: [no-such-program-1]\n",
           {":3", "no-such-program-1", "PATH", "./no-such-program-1"}},
      Case{"name: a\ndescription: b\ncommand: [./plain.txt]\n", {":3", "not executable"}});
  Folder folder;
  folder.write("plain.txt", "text");
  const std::string file = folder.write("bad.action.yaml", bad.text);
  std::string message;
  try {
    read_action_file(file);
  } catch (const runtime::Failure& failure) {
    message = failure.what();
  }
  for (const std::string& part : bad.parts) CHECK_THAT(message, Contains(part));
}

TEST_CASE("action file: a private copy means the same wherever it stands") {
  Folder folder;
  Folder elsewhere;
  folder.write("main.sh", "#!/bin/sh\n", true);
  const ActionFile action = read_action_file(folder.write("resize.action.yaml", usual));
  const ActionFile copy =
      read_action_file(elsewhere.write("resize.action.yaml", text_for_elsewhere(action)));
  CHECK(to_json(copy.manifest) == to_json(action.manifest));
  CHECK(copy.folder == action.folder);
  CHECK(copy.program == action.program);
  CHECK(copy.warnings.empty());
}
