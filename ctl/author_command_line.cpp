#include "ctl/author_command_line.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "common/configuration/options.hpp"
#include "ctl/payload.hpp"

namespace jobengine::ctl {

namespace {

using configuration::UsageError;

constexpr int most_attempts = 1'000'000;

bool is_action_name(const std::string& name) {
  if (name.empty() || std::isalpha(static_cast<unsigned char>(name.front())) == 0) return false;
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; });
}

}  // namespace

struct AuthorArguments::Given {
  RunCommand run;
  std::string payload;
  std::string checkpoint;
  std::string answers;
  std::string timeout;
  NewActionCommand make;
  std::string language = "c++";
  ActionsCommand actions;
  std::string executor = "127.0.0.1:9100";
};

AuthorArguments::AuthorArguments(CLI::App& app) : given_(std::make_unique<Given>()) {
  const char* executor = std::getenv("JOB_EXECUTOR");
  if (executor != nullptr && *executor != '\0') given_->executor = executor;
  declare_run(app);
  declare_actions(app);
}

AuthorArguments::~AuthorArguments() = default;

bool AuthorArguments::knows(const std::string& name) {
  return name == "run" || name == "actions";
}

void AuthorArguments::declare_run(CLI::App& app) {
  Given& to = *given_;
  auto* run = app.add_subcommand(
      "run", "Run one action of a plugin by itself, without any server, and show what it says");
  run->add_option("PLUGIN", to.run.plugin, "The plugin (….so), or the manifest (….action.yaml)")
      ->required();
  run->add_option("ACTION", to.run.action, "The action; not needed when the plugin has only one");
  run->add_option("--payload", to.payload,
                  "The action's payload: JSON, @FILE, or - for standard input")
      ->type_name("JSON");
  run->add_option("--target", to.run.target, "The target resource, e.g. deployment/1234")
      ->type_name("HREF");
  run->add_option("--attempt", to.run.attempt,
                  "The number of the attempt (default 1; from 2 on the job counts as resumed)")
      ->check(CLI::Range(1, most_attempts))
      ->type_name("N");
  run->add_option("--checkpoint", to.checkpoint,
                  "What an earlier attempt is said to have saved: JSON, @FILE, or -")
      ->type_name("JSON");
  run->add_option(
         "--answers", to.answers,
         "What the resource API is to answer, as JSON, @FILE, or -: a list of objects with "
         "method, path, status, body (default: 404 for every request)")
      ->type_name("JSON");
  run->add_option("--timeout", to.timeout,
                  "Stop the action after so long (default: as its manifest says)")
      ->type_name("DURATION");
}

void AuthorArguments::declare_actions(CLI::App& app) {
  Given& to = *given_;
  auto* actions = app.add_subcommand(
      "actions", "List the actions of an executor or of a directory, or write new ones");
  actions->add_option("NAME", to.actions.name,
                      "Everything about this action, the schema of its payload included");
  auto* executor =
      actions
          ->add_option("--executor", to.executor,
                       "Of this executor: HOST:PORT of its --telemetry-port (default: the "
                       "environment's JOB_EXECUTOR, or 127.0.0.1:9100)")
          ->type_name("URL");
  actions
      ->add_option("--actions-dir", to.actions.directory,
                   "Of the files in this folder, instead of an executor's")
      ->type_name("DIR")
      ->excludes(executor);
  actions->add_flag("--json", to.actions.json, "Same as --output json");
  auto* make = actions->add_subcommand(
      "new", "Write a project for a new action: sources, a test, and how to build and deploy it");
  make->add_option("NAME", to.make.name, "The name of the action: letters, digits, - and _")
      ->required();
  make->add_option("--language", to.language, "c++, python or sh (default c++)")
      ->check(CLI::IsMember({"c++", "python", "sh"}))
      ->type_name("LANGUAGE");
  make->add_option("--directory", to.make.directory,
                   "The folder to make (default: NAME, below the current one)")
      ->type_name("DIR");
}

Command AuthorArguments::chosen(const CLI::App& subcommand) const {
  if (subcommand.get_name() == "run") return chosen_run(subcommand);
  return subcommand.get_subcommands().empty() ? chosen_actions() : chosen_new();
}

Command AuthorArguments::chosen_run(const CLI::App& run) const {
  RunCommand command = given_->run;
  if (run.count("--payload") > 0) command.payload = read_json(given_->payload, "--payload");
  if (run.count("--checkpoint") > 0) {
    command.checkpoint = read_json(given_->checkpoint, "--checkpoint");
  }
  if (run.count("--answers") > 0) command.answers = read_json(given_->answers, "--answers");
  if (run.count("--timeout") > 0) {
    const auto timeout = configuration::parse_duration(given_->timeout);
    if (!timeout || timeout->count() <= 0) {
      throw UsageError("--timeout: '" + given_->timeout +
                       "' is no duration; expected e.g. 500ms, 30s or 2m");
    }
    command.timeout = *timeout;
  }
  return command;
}

Command AuthorArguments::chosen_new() const {
  NewActionCommand command = given_->make;
  if (!is_action_name(command.name)) {
    throw UsageError("'" + command.name +
                     "' is no name of an action; expected a letter, then letters, digits, '-' and "
                     "'_', such as resize_image");
  }
  if (command.directory.empty()) command.directory = command.name;
  if (given_->language == "python") command.language = NewActionCommand::Language::Python;
  if (given_->language == "sh") command.language = NewActionCommand::Language::Shell;
  return command;
}

Command AuthorArguments::chosen_actions() const {
  ActionsCommand command = given_->actions;
  std::string place = given_->executor;
  constexpr std::string_view scheme = "http://";
  if (place.starts_with(scheme)) place.erase(0, scheme.size());
  while (place.ends_with('/')) place.pop_back();
  const auto parsed = configuration::parse_host_and_port(place, "--executor");
  command.host = parsed.host;
  command.port = parsed.port;
  return command;
}

}  // namespace jobengine::ctl
