#include <catch2/catch.hpp>

#include "tests/support/temporary_directory.hpp"
#include "tests/unit/configuration/loading.hpp"

using namespace jobengine::tests;
using Catch::Contains;

TEST_CASE("bad options: an unknown option comes with the nearest known one", "[options]") {
  REQUIRE(refusal({"--zk-host", "a"}) == "unknown option --zk-host; did you mean --zk-hosts?");
  REQUIRE(refusal({"--slot=3"}) == "unknown option --slot; did you mean --slots?");
  REQUIRE(refusal({"--frobnicate"}) == "unknown option --frobnicate");
  REQUIRE(refusal({"-x"}) == "unknown option -x");
}

TEST_CASE("bad options: an argument nobody asked for", "[options]") {
  REQUIRE(refusal({"start"}) == "unexpected argument \"start\"");
  REQUIRE(refusal({"--slots", "3", "4"}) == "unexpected argument \"4\"");
  REQUIRE(refusal({"--", "--slots"}) == "unexpected argument \"--\"");
}

TEST_CASE("bad options: an option without its value", "[options]") {
  REQUIRE(refusal({"--slots"}) == "option --slots needs a value: a whole number from 1 to 1024");
  REQUIRE(refusal({"--slots", "--debug"}) ==
          "option --slots needs a value: a whole number from 1 to 1024");
  REQUIRE(refusal({"--zk-hosts", "--debug"}) ==
          "option --zk-hosts needs a value: one or more values");
}

TEST_CASE("bad options: a bad value of each kind names the option, the value and what is expected",
          "[options]") {
  REQUIRE(refusal({"--slots", "many"}) ==
          "--slots: \"many\" is not accepted; expected a whole number from 1 to 1024");
  REQUIRE(refusal({"--slots", "0"}) ==
          "--slots: \"0\" is not accepted; expected a whole number from 1 to 1024");
  REQUIRE(
      refusal({"--slots", "99999999999999999999"}) ==
      "--slots: \"99999999999999999999\" is not accepted; expected a whole number from 1 to 1024");
  REQUIRE(refusal({"--slots", "-1"}) ==
          "--slots: \"-1\" is not accepted; expected a whole number from 1 to 1024");
  REQUIRE(refusal({"--drain-timeout", "soon"}) ==
          "--drain-timeout: \"soon\" is not accepted; expected a duration like 250ms, 90s, 5m, 2h "
          "or 1d");
  REQUIRE(refusal({"-l", "LOUD"}) ==
          "--log-level: \"LOUD\" is not accepted; expected one of DEBUG, INFO");
}

TEST_CASE("bad options: a bad variable is named", "[options]") {
  REQUIRE(refusal({}, {"JOB_SLOTS=1.5"}) ==
          "environment variable JOB_SLOTS: \"1.5\" is not accepted; expected a whole number from 1 "
          "to 1024");
  REQUIRE(refusal({}, {"JOB_DEBUG=maybe"}) ==
          "environment variable JOB_DEBUG: \"maybe\" is not accepted; expected true or false");
}

TEST_CASE("bad options: a bad value in the file is refused also where something else counts more",
          "[options]") {
  const TemporaryDirectory directory;
  const auto file = directory.file("c.yaml", "api-url: x\nslots: many\n");
  const std::string expected =
      file + ":2: slots: \"many\" is not accepted; expected a whole number from 1 to 1024";
  REQUIRE(refusal({"--config", file, "--slots", "3"}) == expected);
  REQUIRE(refusal({"--config", file}, {"JOB_SLOTS=3"}) == expected);
}

TEST_CASE("bad options: a bad value in the file is named with file, line and key", "[options]") {
  const TemporaryDirectory directory;
  const auto refused = [&directory](const std::string& content) {
    return refusal({"--config", directory.file("c.yaml", content)});
  };
  const std::string file = (directory.path() / "c.yaml").string();
  REQUIRE(refused("\nslots: lots\n") ==
          file + ":2: slots: \"lots\" is not accepted; expected a whole number from 1 to 1024");
  REQUIRE(refused("slots: [1, 2]\n") ==
          file + ":1: slots: a list is not accepted; expected a whole number from 1 to 1024");
  REQUIRE(refused("api-url: { host: x }\n") ==
          file + ":1: api-url: a map is not accepted; expected a text");
  REQUIRE(refused("slots:\n") ==
          file + ":1: slots: nothing is not accepted; expected a whole number from 1 to 1024");
  REQUIRE(refused("debug: perhaps") ==
          file + ":1: debug: \"perhaps\" is not accepted; expected true or false");
  REQUIRE(refused("zk-hosts: [a, {b: c}]") ==
          file + ":1: zk-hosts: a map is not accepted; expected one or more values");
  REQUIRE(refused("slots: 2\nslot: 3\n") ==
          file + ":2: unknown key \"slot\"; did you mean \"slots\"?");
  REQUIRE_THAT(refused("completely-else: 3\n"),
               Contains(":1: unknown key \"completely-else\"; expected one of: api-url slots"));
  REQUIRE(refused("slots: 2\nslots: 3\n") == file + ":2: the key \"slots\" stands here twice");
  REQUIRE_THAT(refused("slots: [1\n"), Contains(file + ":") && Contains("not valid YAML"));
  REQUIRE_THAT(refused("just a text"), Contains("where a map was expected"));
  REQUIRE_THAT(refused("config: x"), Contains("unknown key \"config\""));
}

TEST_CASE("bad options: a file that cannot be read is named with the reason", "[options]") {
  const TemporaryDirectory directory;
  const std::string missing = (directory.path() / "none.yaml").string();
  REQUIRE(refusal({"--config", missing}) ==
          missing + ": cannot be read: No such file or directory");
  REQUIRE(refusal({}, {"JOB_CONFIG=" + missing}) ==
          missing + ": cannot be read: No such file or directory");
  REQUIRE(refusal({"--config", directory.path().string()}) ==
          directory.path().string() + ": cannot be read: it is a directory");
}

TEST_CASE("bad options: a secret's file that cannot be read, is empty or contradicts",
          "[options]") {
  const TemporaryDirectory directory;
  const std::string missing = (directory.path() / "none").string();
  REQUIRE(refusal({"--api-secret-file", missing}) ==
          "--api-secret-file: the file \"" + missing +
              "\" cannot be read: No such file or directory");
  const std::string folder = directory.path().string();
  REQUIRE_THAT(refusal({"--api-secret-file", folder}), Contains("it is a directory"));
  const std::string empty = directory.file("empty", "\n");
  REQUIRE(refusal({"--api-secret-file", empty}) ==
          "--api-secret-file: the file \"" + empty + "\" is empty");
  const std::string good = directory.file("good", "hidden");
  const std::string both = refusal({"--api-secret", "hidden-too", "--api-secret-file", good});
  REQUIRE(both == "--api-secret-file: cannot be given together with --api-secret");
}

TEST_CASE("bad options: a secret is never shown", "[options]") {
  using namespace jobengine::configuration;
  ProgramDeclaration program = sample_program();
  OptionDeclaration pin;
  pin.name = "pin";
  pin.kind = OptionKind::Integer;
  pin.secret = true;
  pin.default_text = "4711";
  program.options.push_back(pin);
  const char* wrong[] = {"job-sample", "--pin", "tr0ub4dor"};
  const char* help[] = {"job-sample", "--help"};
  try {
    load(program, 3, wrong, nullptr);
    FAIL("accepted");
  } catch (const UsageError& failure) {
    REQUIRE(std::string(failure.what()) ==
            "--pin: the value (not shown) is not accepted; expected a whole number");
  }
  REQUIRE_THAT(load(program, 2, help, nullptr).answer->text, !Contains("4711"));
}
