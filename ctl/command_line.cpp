#include "ctl/command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "common/job/job_state.hpp"
#include "common/program/program.hpp"
#include "common/runtime/failure.hpp"
#include "ctl/account_command_line.hpp"
#include "ctl/author_command_line.hpp"
#include "ctl/payload.hpp"

namespace jobengine::ctl {

namespace {

using configuration::OptionDeclaration;
using configuration::OptionKind;
using configuration::UsageError;

constexpr const char* footer = R"(Examples:
  jobctl submit dummy_test_action --payload '{"duration": 2}' --wait
  jobctl submit run_command --payload '{"argv": ["uname", "-a"]}' --wait
  jobctl submit --from-file jobs.jsonl
  jobctl list --state FAILED --last 50
  jobctl show 0195e9a2-5c1b-7d2e-9f00-3a5b7c9d1e2f
  jobctl logs --follow 0195e9a2-5c1b-7d2e-9f00-3a5b7c9d1e2f
  jobctl actions --actions-dir /opt/my-actions
  jobctl user add jane --group operators
  jobctl api-key create --ttl 90d
  jobctl dev --slots 8

Exit codes:
  0    done; with --wait: the job ended SUCCESS
  1    failure: something cannot be reached, was refused or does not exist
  2    wrong use: an unknown command or option, a bad value
  3    submit --wait: the job ended FAILED
  4    submit --wait: the job ended CANCELED
  130  interrupted (Ctrl-C); a job that was waited for goes on)";

// Takes the shared options wherever they stand, to hand them to configuration::load as they were
// written.
class SharedArguments {
 public:
  SharedArguments(CLI::App& app, const program::OptionList& options) {
    for (const OptionDeclaration& option : options) declare(app, option);
    add(app, "--config", "FILE", "YAML file with any of the options above", 1, "Shared options");
  }

  std::vector<std::string> as_written() const {
    std::vector<std::string> arguments;
    for (const auto& [name, given] : given_) {
      if (given.option->count() == 0) continue;
      arguments.push_back(name);
      arguments.insert(arguments.end(), given.values.begin(), given.values.end());
    }
    return arguments;
  }

 private:
  struct Given {
    CLI::Option* option = nullptr;
    std::vector<std::string> values;
  };

  void declare(CLI::App& app, const OptionDeclaration& option) {
    if (option.kind == OptionKind::Document) return;
    const std::string name = "--" + option.name;
    std::string help = option.help;
    if (!option.default_text.empty() && option.kind != OptionKind::Flag) {
      help += " (default " + option.default_text + ")";
    }
    const int values = option.kind == OptionKind::Flag ? 0 : 1;
    add(app, name, option.placeholder, help, values, "Shared options", option.letter);
    if (option.kind == OptionKind::TextList) given_[name].option->expected(1, 1000);
    if (option.secret) {
      add(app, name + "-file", "FILE", "Read " + name + " from this file", 1, "Shared options");
    }
  }

  void add(CLI::App& app, const std::string& name, const std::string& placeholder,
           const std::string& help, int values, const std::string& group, char letter = 0) {
    Given& given = given_[name];
    const std::string names = letter != 0 ? std::string("-") + letter + "," + name : name;
    given.option = values == 0 ? app.add_flag(names, help)
                               : app.add_option(names, given.values, help)->expected(values);
    given.option->group(group);
    if (values != 0) given.option->type_name(placeholder.empty() ? "TEXT" : placeholder);
  }

  std::map<std::string, Given> given_;  // its elements do not move: CLI11 keeps references to them
};

// Everything the options of one run are written into.
struct Parsed {
  SubmitCommand submit;
  std::string payload_argument;
  int priority = 0;
  std::int64_t count = 0;
  ListCommand list;
  ShowCommand show;
  LogsCommand logs;
  CancelCommand cancel;
  QueueCommand queue;
  RestoreCommand restore;
  DevCommand dev;
  std::string drain_timeout = "10s";
  DemoCommand demo;
  HealthCommand health;
  std::string output = "table";
  std::string queue_timeout = "10s";
  std::string restore_grace = "60s";
  std::string restore_timeout = "10s";
  std::string health_timeout = "5s";
};

std::chrono::milliseconds duration(const std::string& text, const std::string& option) {
  const auto value = configuration::parse_duration(text);
  if (!value) {
    throw UsageError(option + ": '" + text + "' is no duration; expected e.g. 500ms, 30s or 2m");
  }
  return *value;
}

void declare_logs_command(CLI::App& app, LogsCommand& to) {
  auto* logs = app.add_subcommand("logs", "Print what the runs of a job have written");
  logs->add_option("JOB", to.job, "Its id, with or without job/")->required();
  logs->add_flag("-f,--follow", to.follow, "Print what is still written, until the job has ended");
  logs->add_option("--attempt", to.attempt, "Only lines of this run of the job (default: all)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000'000}))
      ->type_name("N");
  logs->add_option("--stream", to.stream, "Only stdout, stderr, log or engine (default: all)")
      ->check(CLI::IsMember({"stdout", "stderr", "log", "engine"}))
      ->type_name("STREAM");
  logs->add_option("--last", to.last, "Only so many of the newest lines (default: all there are)")
      ->check(CLI::Range(1, 10000))
      ->type_name("N");
  logs->add_flag("--timestamps", to.timestamps, "Print time and stream before each line");
}

void declare_job_commands(CLI::App& app, Parsed& to) {
  auto* submit = app.add_subcommand("submit", "Create a job");
  submit->add_option("ACTION", to.submit.action, "The action to run");
  submit->add_option("--target", to.submit.target, "The target resource, e.g. deployment/1234")
      ->type_name("HREF");
  submit
      ->add_option("--payload", to.payload_argument,
                   "The action's payload: JSON, @FILE, or - for standard input")
      ->type_name("JSON");
  submit->add_option("--name", to.submit.name, "A name for the job")->type_name("TEXT");
  submit->add_option("--priority", to.priority, "0 to 999, lower is served first (default 999)")
      ->check(CLI::Range(0, 999))
      ->type_name("N");
  submit->add_option("--mode", to.submit.mode, "push, pull or mixed (default push)")
      ->check(CLI::IsMember({"push", "pull", "mixed"}))
      ->type_name("MODE");
  submit->add_flag("--wait", to.submit.wait,
                   "Wait for its end; exit 0 for SUCCESS, 3 for FAILED, 4 for CANCELED. Of many: 0 "
                   "when all ended SUCCESS, 3 when one FAILED, else 4");
  submit->add_option("--count", to.count, "Create so many equal jobs")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{100'000'000}))
      ->type_name("N");
  submit
      ->add_option("--from-file", to.submit.from_file,
                   "Create the jobs of this file (-: standard input), instead of ACTION and the "
                   "options above: a JSON document a line, or a JSON array of them, with action, "
                   "target, payload, priority, mode, name and any other attribute of a job")
      ->type_name("FILE");
  submit->add_flag_callback("--json", [&to] { to.output = "json"; }, "The same as --output json");

  auto* list = app.add_subcommand("list", "List jobs, newest first");
  list->add_option("--state", to.list.states,
                   "Only jobs in one of these states, e.g. QUEUED,RUNNING")
      ->delimiter(',')
      ->transform(
          CLI::IsMember({"QUEUED", "RUNNING", "SUCCESS", "FAILED", "CANCELED"}, CLI::ignore_case))
      ->type_name("STATE");
  list->add_option("--action", to.list.action, "Only jobs of this action")->type_name("ACTION");
  list->add_option("--filter", to.list.filter, "Only jobs this filter (CIMI) lets through")
      ->type_name("FILTER");
  list->add_option("--first", to.list.first, "From the n-th job on (default 1)")
      ->check(CLI::Range(1, 10000))
      ->type_name("N");
  list->add_option("--last", to.list.last,
                   "To the n-th job (default: 20 jobs); 0: only how many there are")
      ->check(CLI::Range(0, 10000))
      ->type_name("N");

  auto* show = app.add_subcommand("show", "Show everything about one job");
  show->add_option("JOB", to.show.job, "Its id, with or without job/")->required();

  declare_logs_command(app, to.logs);

  auto* cancel = app.add_subcommand("cancel", "Cancel jobs");
  cancel->add_option("JOB", to.cancel.jobs, "Their ids, with or without job/")->required();

  auto* queue = app.add_subcommand(
      "queue", "Show the queue in ZooKeeper: depth, head, and what is taken by whom");
  queue->add_option("--last", to.queue.last, "Entries shown of each kind (default 20)")
      ->check(CLI::Range(0, 100000))
      ->type_name("N");
  queue->add_option("--timeout", to.queue_timeout, "How long ZooKeeper may take (default 10s)")
      ->type_name("DURATION");
}

constexpr const char* restore_help =
    R"(Jobs QUEUED or RUNNING in push or mixed mode that have no entry get one, in the order of priority and
creation; entries of jobs that ended, second entries of a job and garbage are removed. Bulk jobs that
are monitored, and jobs that job-api is about to push, are left alone. Run it again as often as you
like: it finds nothing to do.

Nothing is believed at first sight: a job must lack its entry for 5 s, and for --grace if it was
changed within that time or is RUNNING. By then whoever ran it has noticed that its lock is gone, and
has stopped: executors do so within seconds, and when they are cut off or hang, before their session
(--zk-session-timeout, 30s) is over. So --grace must not be shorter than that, unless you know that no
executor is at work: then --grace 0 restores everything at once.)";

void declare_restore_command(CLI::App& app, Parsed& to) {
  auto* restore = app.add_subcommand(
      "restore", "Put jobs that have lost their entry back into the queue, as the keeper does");
  restore->footer(restore_help);
  restore->add_flag("--dry-run", to.restore.dry_run,
                    "Look once and tell what would be done, but change nothing");
  restore
      ->add_option("--grace", to.restore_grace,
                   "How long the entry of a job that is RUNNING or young must have been missing "
                   "(default 60s)")
      ->type_name("DURATION");
  restore
      ->add_option("--queue-capacity", to.restore.capacity,
                   "Entries the queue is filled up to (default 10000)")
      ->check(CLI::Range(1, 10'000'000))
      ->type_name("N");
  restore->add_option("--timeout", to.restore_timeout, "How long ZooKeeper may take (default 10s)")
      ->type_name("DURATION");
  restore->add_flag_callback("--json", [&to] { to.output = "json"; }, "The same as --output json");
}

void declare_system_commands(CLI::App& app, Parsed& to) {
  auto* dev =
      app.add_subcommand("dev",
                         "Run the whole system on this machine until Ctrl-C: ZooKeeper, job-api, "
                         "job-distributor, job-executor");
  dev->add_option("--directory", to.dev.directory,
                  "Data, logs and credentials go here and stay (default: a fresh temporary folder, "
                  "removed at the end)")
      ->type_name("DIR");
  const auto port = CLI::Range(1, 65535);
  dev->add_option("--api-port", to.dev.api_port, "Port of job-api (default: a free one)")
      ->check(port)
      ->type_name("PORT");
  dev->add_option("--zk-port", to.dev.zookeeper_port, "Port of ZooKeeper (default: a free one)")
      ->check(port)
      ->type_name("PORT");
  dev->add_option("--executors", to.dev.executors, "How many executors (default 1)")
      ->check(CLI::Range(0, 64))
      ->type_name("N");
  dev->add_option("--slots", to.dev.slots, "Slots of each executor (default: cores)")
      ->check(CLI::Range(1, 1024))
      ->type_name("N");
  dev->add_option("--distributors", to.dev.distributors, "How many distributors (default 1)")
      ->check(CLI::Range(0, 16))
      ->type_name("N");
  dev->add_option("--resources", to.dev.resources,
                  "YAML file, or folder of them, that declares resource types (may be repeated)")
      ->allow_extra_args(false)
      ->type_name("FILE_OR_FOLDER");
  dev->add_option("--actions-dir", to.dev.actions,
                  "Folder of plugins, besides the engine's own (may be repeated); what is built "
                  "there anew is taken up at once")
      ->allow_extra_args(false)
      ->type_name("DIR");
  dev->add_option("--drain-timeout", to.drain_timeout,
                  "How long running jobs may go on after Ctrl-C (default 10s)")
      ->type_name("DURATION");
  dev->add_flag("--once", to.dev.once, "Stop when COMMAND has ended, with its exit code");
  dev->add_option("COMMAND", to.dev.run,
                  "Run this when everything is ready, with JOB_API_URL, JOB_API_USER, "
                  "JOB_API_PASS and JOB_ZK_HOSTS set; write -- before it");

  auto* demo = app.add_subcommand(
      "demo",
      "Compute the SHA-256 of every source file below a folder, one run_command job each, "
      "and show the results");
  demo->add_option("DIRECTORY", to.demo.directory, "The folder")->required();
  demo->add_flag("--no-hints", to.demo.no_hints, "Do not print what to try next");

  auto* health = app.add_subcommand("health", "Ask a process of the engine whether it is healthy");
  health->add_option("--port", to.health.port, "Its --telemetry-port (JOB_TELEMETRY_PORT)")
      ->check(port)
      ->envname("JOB_TELEMETRY_PORT")
      ->required()
      ->type_name("PORT");
  health->add_option("--address", to.health.address, "Its --telemetry-address (default 127.0.0.1)")
      ->type_name("ADDRESS");
  health->add_option("--timeout", to.health_timeout, "How long the answer may take (default 5s)")
      ->type_name("DURATION");
  health->add_flag("--ready", to.health.ready, "Ask whether it is ready instead");
}

// What describes one job says nothing to a file of them.
void check_submit(const CLI::App& subcommand, const SubmitCommand& submit) {
  if (subcommand.count("--from-file") == 0) {
    if (submit.action.empty()) throw UsageError("submit: ACTION or --from-file FILE is required");
    return;
  }
  if (submit.from_file.empty()) throw UsageError("--from-file: the name of a file is missing");
  for (const char* other :
       {"ACTION", "--target", "--payload", "--name", "--priority", "--mode", "--count"}) {
    if (subcommand.count(other) == 0) continue;
    throw UsageError(std::string("submit: --from-file does not go with ") + other +
                     ": the file says what each job is");
  }
}

Command chosen(const std::string& name, Parsed& parsed, const CLI::App& subcommand) {
  if (name == "submit") {
    if (!parsed.payload_argument.empty() || subcommand.count("--payload") > 0) {
      parsed.submit.payload = read_payload(parsed.payload_argument);
    }
    if (subcommand.count("--priority") > 0) parsed.submit.priority = parsed.priority;
    if (subcommand.count("--count") > 0) parsed.submit.count = parsed.count;
    check_submit(subcommand, parsed.submit);
    return parsed.submit;
  }
  if (name == "list") {
    constexpr int page = 20;
    if (subcommand.count("--last") == 0) parsed.list.last = parsed.list.first - 1 + page;
    if (parsed.list.last != 0 && parsed.list.last < parsed.list.first) {
      throw UsageError("--last " + std::to_string(parsed.list.last) + " comes before --first " +
                       std::to_string(parsed.list.first));
    }
    return parsed.list;
  }
  if (name == "show") {
    parsed.show.job = job_id(parsed.show.job);
    return parsed.show;
  }
  if (name == "logs") {
    parsed.logs.job = job_id(parsed.logs.job);
    return parsed.logs;
  }
  if (name == "cancel") {
    for (std::string& job : parsed.cancel.jobs) job = job_id(job);
    return parsed.cancel;
  }
  if (name == "queue") {
    parsed.queue.timeout = duration(parsed.queue_timeout, "--timeout");
    return parsed.queue;
  }
  if (name == "restore") {
    parsed.restore.grace = duration(parsed.restore_grace, "--grace");
    parsed.restore.timeout = duration(parsed.restore_timeout, "--timeout");
    return parsed.restore;
  }
  if (name == "demo") return parsed.demo;
  if (name == "health") {
    parsed.health.timeout = duration(parsed.health_timeout, "--timeout");
    return parsed.health;
  }
  JE_CHECK(name == "dev", "a command that was declared");
  parsed.dev.drain_timeout = duration(parsed.drain_timeout, "--drain-timeout");
  if (parsed.dev.once && parsed.dev.run.empty()) {
    throw UsageError("--once needs a COMMAND: jobctl dev --once -- COMMAND");
  }
  return parsed.dev;
}

std::string names_of(const CLI::App& group) {
  std::string names;
  for (const CLI::App* command : group.get_subcommands({})) {
    names += (names.empty() ? "" : ", ") + command->get_name();
  }
  return names;
}

// "unknown command 'lst'" rather than CLI11's list of what was not expected.
std::string complaint(const CLI::App& app, const CLI::ParseError& error) {
  if (!app.get_subcommands().empty()) {
    // What a command does not know falls through to the program.
    const auto unexpected = app.remaining(true);
    const CLI::App& group = *app.get_subcommands().front();
    if (group.get_require_subcommand_min() > 0 && group.get_subcommands().empty()) {
      const std::string known = "the commands are " + names_of(group);
      if (unexpected.empty()) return group.get_name() + ": a command is missing; " + known;
      return group.get_name() + ": unknown command '" + unexpected.front() + "'; " + known;
    }
    if (unexpected.empty()) return error.what();
    const std::string kind = unexpected.front().starts_with('-') ? "option " : "argument ";
    return app.get_subcommands().front()->get_name() + ": unknown " + kind + unexpected.front();
  }
  const auto rest = app.remaining();
  for (const std::string& argument : rest) {
    if (argument.starts_with('-')) continue;
    return "unknown command '" + argument + "'; the commands are " + names_of(app);
  }
  return rest.empty() ? error.what() : "unknown option " + rest.front();
}

}  // namespace

configuration::ProgramDeclaration shared_declaration() {
  configuration::ProgramDeclaration declaration;
  declaration.name = "jobctl";
  using program::operator+;
  declaration.options =
      program::api_options() + program::zookeeper_options() + program::logging_options();
  // Of a process that stays; here it is the name of the job submitted.
  std::erase_if(declaration.options, [](const auto& option) { return option.name == "name"; });
  for (OptionDeclaration& option : declaration.options) {
    if (option.name == "api-url") option.default_text = "http://127.0.0.1:8200";
    if (option.name == "log-level") option.default_text = "CRITICAL";
    if (option.name == "log-format") option.default_text = "text";
  }
  return declaration;
}

std::variant<CommandLine, Answer> parse_command_line(int argc, const char* const* argv) {
  CLI::App app("The operator's command line of the job engine", "jobctl");
  app.set_version_flag("--version", std::string("jobctl ") + JE_VERSION);
  app.footer(footer);
  app.fallthrough();
  Parsed parsed;
  app.add_option("-o,--output", parsed.output, "table for people or json for machines")
      ->check(CLI::IsMember({"table", "json"}))
      ->type_name("FORM");
  const SharedArguments shared(app, shared_declaration().options);
  declare_job_commands(app, parsed);
  declare_restore_command(app, parsed);
  const AccountArguments accounts(app);
  const AuthorArguments author(app);
  declare_system_commands(app, parsed);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return Answer{app.help()};
  } catch (const CLI::CallForAllHelp&) {
    return Answer{app.help("", CLI::AppFormatMode::All)};
  } catch (const CLI::CallForVersion& version) {
    return Answer{std::string(version.what()) + "\n"};
  } catch (const CLI::ParseError& error) {
    throw UsageError(complaint(app, error));
  }
  const auto subcommands = app.get_subcommands();
  if (subcommands.empty()) throw UsageError("no command given");
  const CLI::App& subcommand = *subcommands.front();
  const std::string name = subcommand.get_name();
  const auto command = [&] {
    if (AccountArguments::knows(name)) return accounts.chosen(subcommand);
    if (AuthorArguments::knows(name)) return author.chosen(subcommand);
    return chosen(name, parsed, subcommand);
  }();
  return CommandLine{command, parsed.output == "json" ? Output::Json : Output::Table,
                     shared.as_written()};
}

}  // namespace jobengine::ctl
