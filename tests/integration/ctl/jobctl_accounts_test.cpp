#include <catch2/catch.hpp>

#include "tests/integration/ctl/jobctl_process.hpp"

using namespace jobengine;
using Catch::Contains;
using nlohmann::json;
using tests::shared_dev;

namespace {

tests::Ran ctl(std::vector<std::string> arguments) {
  return tests::jobctl(std::move(arguments), shared_dev().variables());
}

// With `input` on standard input.
tests::Ran ctl_fed(const std::string& input, const std::string& arguments,
                   const std::vector<std::string>& variables) {
  const std::string command =
      "printf '%s\\n' '" + input + "' | " + tests::program_path("jobctl") + " " + arguments;
  return tests::run_program({"sh", "-c", command}, variables);
}

std::vector<std::string> variables_of(const std::string& user, const std::string& password) {
  std::vector<std::string> variables;
  for (const auto& variable : shared_dev().variables()) {
    const bool login = variable.starts_with("JOB_API_USER") || variable.starts_with("JOB_API_PASS");
    if (!login) variables.push_back(variable);
  }
  variables.push_back("JOB_API_USER=" + user);
  variables.push_back("JOB_API_PASS=" + password);
  return variables;
}

json user_in_list(const std::string& name) {
  const auto listed = ctl({"user", "list", "-o", "json"}).json();
  for (const auto& user : listed) {
    if (user.at("name") == name) return user;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("jobctl user, group: a user with a group comes, is locked out, let in, and goes",
          "[ctl]") {
  REQUIRE(ctl({"group", "add", "operators", "--description", "They operate"}).code == 0);
  const auto added =
      ctl_fed("a-fine-password", "user add olive --group operators", shared_dev().variables());
  INFO(added.err);
  REQUIRE(added.code == 0);
  REQUIRE(added.out.starts_with("user/"));
  REQUIRE(user_in_list("olive").at("groups") == json::array({"group/operators"}));
  const auto people = ctl({"user", "list"});
  REQUIRE_THAT(people.out, Contains("STATE") && Contains("olive") && Contains("operators"));
  const auto groups = ctl({"group", "list"});
  REQUIRE_THAT(groups.out,
               Contains("They operate") && Contains("olive") && Contains("nuvla-admin"));

  const auto olive = variables_of("olive", "a-fine-password");
  REQUIRE(tests::jobctl({"list"}, olive).code == 0);
  const auto suspended = ctl({"user", "suspend", "olive"});
  REQUIRE_THAT(suspended.out, Contains("olive suspended"));
  REQUIRE(user_in_list("olive").at("state") == "SUSPENDED");
  const auto refused = tests::jobctl({"list"}, olive);
  REQUIRE(refused.code == 1);
  REQUIRE_THAT(refused.err, Contains("invalid credentials"));
  REQUIRE(ctl({"user", "activate", "olive"}).code == 0);
  REQUIRE(tests::jobctl({"list"}, olive).code == 0);

  REQUIRE(ctl({"group", "leave", "operators", "olive"}).code == 0);
  REQUIRE(user_in_list("olive").at("groups").empty());
  REQUIRE(ctl({"group", "join", "group/operators", "olive"}).code == 0);
  REQUIRE(ctl({"group", "remove", "operators"}).code == 0);
  const auto removed = ctl({"user", "remove", "olive", "nobody-at-all", "-o", "json"});
  REQUIRE(removed.code == 1);
  REQUIRE(removed.json().at(0).at("done") == true);
  REQUIRE(removed.json().at(1).at("done") == false);
  REQUIRE_THAT(removed.err, Contains("there is no user 'nobody-at-all'"));
  REQUIRE(user_in_list("olive").is_null());
}

TEST_CASE("jobctl user password: one's own, or a reset by the administrator", "[ctl]") {
  REQUIRE(ctl_fed("a-fine-password", "user add percy", shared_dev().variables()).code == 0);
  const auto own =
      ctl_fed("my-own-password", "user password percy", variables_of("percy", "a-fine-password"));
  INFO(own.err);
  REQUIRE(own.code == 0);
  REQUIRE(tests::jobctl({"list"}, variables_of("percy", "my-own-password")).code == 0);
  REQUIRE(tests::jobctl({"list"}, variables_of("percy", "a-fine-password")).code == 1);
  const tests::TemporaryDirectory directory;
  const auto file = directory.file("password", "the-one-after-that\n");
  REQUIRE(ctl({"user", "password", "percy", "--password-file", file}).code == 0);
  REQUIRE(tests::jobctl({"list"}, variables_of("percy", "the-one-after-that")).code == 0);
}

TEST_CASE("jobctl user add: a terminal is asked twice", "[ctl]") {
  const std::string command = tests::program_path("jobctl") + " user add terry";
  const auto asked = [&](const std::string& lines) {
    return tests::run_program(
        {"sh", "-c", "printf '" + lines + "' | script -qec '" + command + "' /dev/null"},
        shared_dev().variables());
  };
  const auto different = asked("one-password\\nanother-one\\n");
  REQUIRE(different.code == 2);
  REQUIRE_THAT(different.out, Contains("New password: ") && Contains("the two passwords differ"));
  const auto same = asked("one-password\\none-password\\n");
  INFO(same.out);
  REQUIRE(same.code == 0);
  REQUIRE(tests::jobctl({"list"}, variables_of("terry", "one-password")).code == 0);
}

TEST_CASE("jobctl api-key: made, used, listed, removed", "[ctl]") {
  const auto created = ctl({"api-key", "create", "--name", "for a program", "--ttl", "1h"});
  REQUIRE(created.code == 0);
  REQUIRE_THAT(created.out, Contains("key    credential/") && Contains("secret "));
  const auto machine = ctl({"api-key", "create", "-o", "json"}).json();
  const std::string key = machine.at("resource-id");
  auto variables = variables_of("", "");
  variables.push_back("JOB_API_KEY=" + key);
  variables.push_back("JOB_API_SECRET=" + machine.at("secret-key").get<std::string>());
  REQUIRE(tests::jobctl({"list"}, variables).code == 0);
  const auto listed = ctl({"api-key", "list"});
  REQUIRE_THAT(listed.out, Contains(key) && Contains("for a program") && Contains("never"));
  REQUIRE_THAT(listed.out, !Contains(machine.at("secret-key").get<std::string>()));
  REQUIRE(ctl({"api-key", "list", "-o", "json"}).json().size() >= 2);
  REQUIRE(ctl({"api-key", "remove", key.substr(11)}).code == 0);
  REQUIRE(tests::jobctl({"list"}, variables).code == 1);
  const auto gone = ctl({"api-key", "remove", key});
  REQUIRE(gone.code == 1);
  REQUIRE_THAT(gone.err, Contains(key + " not found"));
}

TEST_CASE("jobctl user, group: what the API refuses is told with its reason", "[ctl]") {
  const auto variables = shared_dev().variables();
  const auto weak = ctl_fed("short", "user add weakling", variables);
  REQUIRE(weak.code == 1);
  REQUIRE_THAT(weak.err, Contains("too short, expected at least 8 characters"));
  const auto group = ctl_fed("a-fine-password", "user add weakling --group none", variables);
  REQUIRE_THAT(group.err, Contains("there is no group/none"));
  REQUIRE(ctl_fed("a-fine-password", "user add twin", variables).code == 0);
  const auto twice = ctl_fed("a-fine-password", "user add twin", variables);
  REQUIRE(twice.code == 1);
  REQUIRE_THAT(twice.err, Contains("there is a user 'twin' already"));
  const auto forbidden =
      tests::jobctl({"group", "add", "mine"}, variables_of("twin", "a-fine-password"));
  REQUIRE(forbidden.code == 1);
  REQUIRE_THAT(forbidden.err, Contains("credentials required"));
}
