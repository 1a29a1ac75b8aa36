// What job-action-host says about plugins it refuses.
#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <string>

#include "tests/integration/executor/bench.hpp"
#include "tests/support/temporary_directory.hpp"

using namespace jobengine::tests;

namespace {

std::string described(const std::string& file) {
  const std::string command =
      program_path("job-action-host") + " --describe '" + file + "' 2>/dev/null";
  FILE* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  std::array<char, 4096> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) output += buffer.data();
  ::pclose(pipe);
  return output;
}

}  // namespace

TEST_CASE("the reason a plugin is refused for says what to do about it") {
  struct Case {
    const char* file;
    std::vector<std::string> parts;
  };
  const auto expected =
      GENERATE(Case{"not_elf", {"not an ELF file"}}, Case{"empty", {"not an ELF file"}},
               Case{"no_symbol", {"does not export the symbol je_plugin_v1"}},
               Case{"other_major", {"plugin ABI 2.1", "this engine has plugin ABI 1.1", "rebuild"}},
               Case{"later_minor", {"plugin ABI 1.8", "this engine has plugin ABI 1.1", "rebuild"}},
               Case{"other_symbol", {"plugin ABI 2", "this engine has plugin ABI 1.1", "rebuild"}},
               Case{"create", {"cannot be created", "its configuration file is missing"}},
               Case{"manifest", {"name"}},
               Case{"schema", {"payload-schema", "test_refused", "/type", "objct"}},
               Case{"duplicate", {"two actions", "test_refused"}});
  const std::string text = described(bad_plugins() + "/" + expected.file + ".so");
  INFO(expected.file << ": " << text);
  CHECK_THAT(text, Catch::Contains("\"refused\""));
  for (const std::string& part : expected.parts) CHECK_THAT(text, Catch::Contains(part));
}

TEST_CASE("a plugin that loads is described, one action a line") {
  const std::string text = described(good_plugins() + "/test_actions.so");
  CHECK_THAT(text, Catch::Contains("\"name\":\"test_ok\""));
  CHECK_THAT(text, !Catch::Contains("refused"));
}

TEST_CASE("a file that is not there is refused as unreadable") {
  CHECK_THAT(described("/nonexistent.so"), Catch::Contains("cannot be read"));
}

TEST_CASE("an action file is described like a plugin, with its warnings") {
  TemporaryDirectory folder;
  const auto file = folder.path() / "greet.action.yaml";
  std::ofstream(file) << "name: greet\ndescription: Greets\ntimout: 5m\ncommand: [sh, greet.sh]\n";
  const std::string text = described(file.string());
  CHECK_THAT(text, Catch::Contains("\"name\":\"greet\"") && Catch::Contains("\"warning\"") &&
                       Catch::Contains("timeout"));
  std::ofstream(file) << "name: greet\ndescription: Greets\ncommand: [./greet.sh]\n";
  CHECK_THAT(described(file.string()),
             Catch::Contains("\"refused\"") && Catch::Contains("greet.action.yaml:3"));
}
