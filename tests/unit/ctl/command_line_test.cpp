#include "ctl/command_line.hpp"

#include <catch2/catch.hpp>

using namespace jobengine;
using Catch::Contains;
using namespace std::chrono_literals;

namespace {

std::variant<ctl::CommandLine, ctl::Answer> parse(std::vector<std::string> arguments) {
  std::vector<const char*> argv = {"jobctl"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return ctl::parse_command_line(static_cast<int>(argv.size()), argv.data());
}

ctl::CommandLine line(std::vector<std::string> arguments) {
  return std::get<ctl::CommandLine>(parse(std::move(arguments)));
}

template <class Command>
Command command(std::vector<std::string> arguments) {
  return std::get<Command>(line(std::move(arguments)).command);
}

}  // namespace

TEST_CASE("command line: submit takes what a job is made of", "[ctl]") {
  const auto submit = command<ctl::SubmitCommand>(
      {"submit", "run_command", "--target", "deployment/1", "--payload", "{\"argv\": []}",
       "--priority", "5", "--mode", "mixed", "--name", "mine", "--wait"});
  REQUIRE(submit.action == "run_command");
  REQUIRE(submit.target == "deployment/1");
  REQUIRE(submit.payload == "{\"argv\": []}");
  REQUIRE(submit.priority == 5);
  REQUIRE(submit.mode == "mixed");
  REQUIRE(submit.name == "mine");
  REQUIRE(submit.wait);
}

TEST_CASE("command line: run takes what an attempt is made of", "[ctl]") {
  const auto run =
      command<ctl::RunCommand>({"run", "a.so", "resize", "--payload", "{\"n\": 1}", "--attempt",
                                "2", "--checkpoint", "{}", "--target", "x/1", "--timeout", "2s"});
  REQUIRE(run.plugin == "a.so");
  REQUIRE(run.action == "resize");
  REQUIRE(run.payload == "{\"n\": 1}");
  REQUIRE(run.checkpoint == "{}");
  REQUIRE(run.target == "x/1");
  REQUIRE(run.attempt == 2);
  REQUIRE(run.timeout == 2s);
  REQUIRE(command<ctl::RunCommand>({"run", "a.so"}).action.empty());
  REQUIRE_THROWS_WITH(parse({"run", "a.so", "--checkpoint", "{"}), Contains("--checkpoint"));
  REQUIRE_THROWS_WITH(parse({"run", "a.so", "--timeout", "0"}), Contains("--timeout"));
}

TEST_CASE("command line: a new action, in one of three languages", "[ctl]") {
  const auto made =
      command<ctl::NewActionCommand>({"actions", "new", "resize", "--language", "sh"});
  REQUIRE(made.name == "resize");
  REQUIRE(made.directory == "resize");
  REQUIRE(made.language == ctl::NewActionCommand::Language::Shell);
  REQUIRE_THROWS_WITH(parse({"actions", "new", "a b"}), Contains("'a b'"));
  REQUIRE_THROWS_WITH(parse({"actions", "new", "a", "--language", "cobol"}), Contains("cobol"));
}

TEST_CASE("command line: logs of a job, all or some", "[ctl]") {
  const auto all = command<ctl::LogsCommand>({"logs", "abc"});
  REQUIRE(all.job == "job/abc");
  REQUIRE_FALSE(all.follow);
  REQUIRE(all.attempt == 0);
  REQUIRE(all.last == 0);
  const auto some = command<ctl::LogsCommand>({"logs", "-f", "--attempt", "2", "--stream", "stderr",
                                               "--last", "7", "--timestamps", "job/abc"});
  REQUIRE(some.job == "job/abc");
  REQUIRE(some.follow);
  REQUIRE(some.attempt == 2);
  REQUIRE(some.stream == "stderr");
  REQUIRE(some.last == 7);
  REQUIRE(some.timestamps);
}

TEST_CASE("command line: what is not given is left to the API", "[ctl]") {
  const auto submit = command<ctl::SubmitCommand>({"submit", "x"});
  REQUIRE_FALSE(submit.priority.has_value());
  REQUIRE(submit.mode.empty());
  REQUIRE(submit.payload.empty());
}

TEST_CASE("command line: list takes states in any case, separated by commas", "[ctl]") {
  const auto list = command<ctl::ListCommand>({"list", "--state", "queued,Running", "--last", "7"});
  REQUIRE(list.states == std::vector<std::string>{"QUEUED", "RUNNING"});
  REQUIRE(list.last == 7);
}

TEST_CASE("command line: list from some job on shows a page of the same length", "[ctl]") {
  REQUIRE(command<ctl::ListCommand>({"list"}).last == 20);
  REQUIRE(command<ctl::ListCommand>({"list", "--first", "21"}).last == 40);
  REQUIRE(command<ctl::ListCommand>({"list", "--last", "0"}).last == 0);
}

TEST_CASE("command line: shared options may stand before and behind the command", "[ctl]") {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"--api-url", "http://127.0.0.1:9", "-o", "json", "list"},
           {"list", "--api-url", "http://127.0.0.1:9", "-o", "json"}}) {
    const auto parsed = line(arguments);
    REQUIRE(parsed.output == ctl::Output::Json);
    REQUIRE(parsed.shared_arguments == std::vector<std::string>{"--api-url", "http://127.0.0.1:9"});
  }
}

TEST_CASE("command line: dev's command stands behind --", "[ctl]") {
  const auto dev = command<ctl::DevCommand>(
      {"dev", "--once", "--slots", "8", "--drain-timeout", "500ms", "--", "ls", "-l"});
  REQUIRE(dev.run == std::vector<std::string>{"ls", "-l"});
  REQUIRE(dev.once);
  REQUIRE(dev.slots == 8);
  REQUIRE(dev.drain_timeout == 500ms);
}

TEST_CASE("command line: cancel takes several jobs", "[ctl]") {
  const auto cancel = command<ctl::CancelCommand>({"cancel", "a-1", "job/b-2"});
  REQUIRE(cancel.jobs == std::vector<std::string>{"job/a-1", "job/b-2"});
}

TEST_CASE("command line: wrong use is told with what was wrong", "[ctl]") {
  using Arguments = std::vector<std::string>;
  const std::vector<std::pair<Arguments, std::string>> cases = {
      {{}, "no command"},
      {{"lst"}, "unknown command 'lst'"},
      {{"--nonsense"}, "--nonsense"},
      {{"list", "--nonsense"}, "list: unknown option --nonsense"},
      {{"list", "--first", "5", "--last", "2"}, "--last 2 comes before --first 5"},
      {{"submit"}, "ACTION"},
      {{"submit", "x", "--priority", "1000"}, "--priority"},
      {{"submit", "x", "--mode", "sideways"}, "sideways"},
      {{"submit", "x", "--payload", "{"}, "--payload"},
      {{"submit", "x", "--payload", ""}, "--payload"},
      {{"submit", "x", "--payload", "@"}, "missing behind @"},
      {{"list", "--state", "SLEEPING"}, "SLEEPING"},
      {{"show", "not an id"}, "'not an id'"},
      {{"show", "a", "b"}, "b"},
      {{"logs", "a", "--last", "0"}, "--last"},
      {{"logs", "a", "--stream", "both"}, "--stream"},
      {{"list", "-o", "xml"}, "xml"},
      {{"queue", "--timeout", "soon"}, "'soon'"},
      {{"dev", "--once"}, "COMMAND"},
      {{"dev", "--api-port", "70000"}, "--api-port"},
  };
  for (const auto& [arguments, expected] : cases) {
    CAPTURE(arguments);
    REQUIRE_THROWS_AS(parse(arguments), configuration::UsageError);
    REQUIRE_THROWS_WITH(parse(arguments), Contains(expected));
  }
}

TEST_CASE("command line: help lists the commands and the exit codes", "[ctl]") {
  const auto help = std::get<ctl::Answer>(parse({"--help"})).text;
  for (const char* word : {"submit", "list", "show", "logs", "cancel", "queue", "dev", "demo",
                           "health", "Exit codes", "--api-pass-file", "--zk-hosts"}) {
    CAPTURE(word);
    REQUIRE_THAT(help, Contains(word));
  }
  const auto submit = std::get<ctl::Answer>(parse({"submit", "--help"})).text;
  REQUIRE_THAT(submit, Contains("--priority"));
  REQUIRE_THAT(std::get<ctl::Answer>(parse({"--version"})).text, Contains(JE_VERSION));
}

TEST_CASE("command line: users, groups and API keys have commands of their own", "[ctl]") {
  const auto suspend = command<ctl::UserCommand>({"user", "suspend", "jane", "jim", "-o", "json"});
  REQUIRE(suspend.what == ctl::UserCommand::What::Suspend);
  REQUIRE(suspend.names == std::vector<std::string>{"jane", "jim"});
  const auto join = command<ctl::GroupCommand>({"group", "join", "ops", "jane"});
  REQUIRE(join.what == ctl::GroupCommand::What::Join);
  REQUIRE(join.group == "group/ops");
  REQUIRE(join.users == std::vector<std::string>{"jane"});
  const auto create = command<ctl::ApiKeyCommand>({"api-key", "create", "--ttl", "90d"});
  REQUIRE(create.what == ctl::ApiKeyCommand::What::Create);
  REQUIRE(create.ttl == std::chrono::hours(90 * 24));
  const auto remove = command<ctl::ApiKeyCommand>({"api-key", "remove", "x", "credential/y"});
  REQUIRE(remove.keys == std::vector<std::string>{"credential/x", "credential/y"});
}

TEST_CASE("command line: a command about accounts that is missing or unknown is named", "[ctl]") {
  REQUIRE_THROWS_WITH(parse({"user"}),
                      Contains("user: a command is missing") && Contains("add, list, suspend"));
  REQUIRE_THROWS_WITH(parse({"group", "jion"}),
                      Contains("group: unknown command 'jion'") && Contains("join"));
  REQUIRE_THROWS_WITH(parse({"api-key", "create", "--ttl", "soon"}), Contains("--ttl: 'soon'"));
  REQUIRE_THROWS_WITH(parse({"user", "suspend"}), Contains("NAME"));
  REQUIRE_THROWS_WITH(parse({"user", "add", "x", "--password-file", "/no/such/file"}),
                      Contains("--password-file: cannot read /no/such/file"));
}

TEST_CASE("command line: actions are those of an executor or of a folder", "[ctl]") {
  const auto plain = command<ctl::ActionsCommand>({"actions"});
  REQUIRE(plain.host == "127.0.0.1");
  REQUIRE(plain.port == 9100);
  const auto other =
      command<ctl::ActionsCommand>({"actions", "--executor", "http://node:99/", "x"});
  REQUIRE(other.host == "node");
  REQUIRE(other.port == 99);
  REQUIRE(other.name == "x");
  REQUIRE(command<ctl::ActionsCommand>({"actions", "--actions-dir", "d", "--json"}).json);
  REQUIRE_THROWS_WITH(parse({"actions", "--executor", "node"}), Contains("--executor: \"node\""));
  REQUIRE_THROWS_WITH(parse({"actions", "--executor", "a:1", "--actions-dir", "d"}),
                      Contains("excludes"));
}
