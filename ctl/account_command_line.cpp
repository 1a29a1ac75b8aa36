#include "ctl/account_command_line.hpp"

#include <CLI/CLI.hpp>
#include <map>

#include "common/configuration/options.hpp"
#include "common/runtime/failure.hpp"
#include "ctl/password_input.hpp"

namespace jobengine::ctl {

namespace {

using configuration::UsageError;

std::string with_prefix(const std::string& prefix, const std::string& name) {
  return name.starts_with(prefix) ? name : prefix + name;
}

void prefix_all(const std::string& prefix, std::vector<std::string>& names) {
  for (std::string& name : names) name = with_prefix(prefix, name);
}

constexpr const char* password_file_help =
    "Read the password from the first line of this file (-: standard input; default: asked for on "
    "a terminal, else standard input)";

}  // namespace

struct AccountArguments::Given {
  UserCommand user;
  GroupCommand group;
  ApiKeyCommand key;
  std::string password_file;
  std::string ttl;
};

AccountArguments::AccountArguments(CLI::App& app) : given_(std::make_unique<Given>()) {
  Given& to = *given_;
  auto* user = app.add_subcommand("user", "Add, list, suspend and remove users");
  user->require_subcommand(1);
  auto with_names = [&to](CLI::App* command) {
    command->add_option("NAME", to.user.names, "Their names, or ids (user/…)")->required();
    return command;
  };
  auto with_password = [&to](CLI::App* command) {
    command->add_option("--password-file", to.password_file, password_file_help)->type_name("FILE");
  };
  auto* add = user->add_subcommand("add", "Add a user that logs in with a password");
  add->add_option("NAME", to.user.names, "What it logs in with")->required()->expected(1);
  add->add_option("--group", to.user.groups, "Make it a member of this group; may be repeated")
      ->type_name("GROUP")
      ->expected(1);
  with_password(add);
  user->add_subcommand("list", "List users with their groups");
  with_names(user->add_subcommand("suspend", "Log users out and let them in no more"));
  with_names(user->add_subcommand("activate", "Let suspended users in again"));
  with_names(user->add_subcommand("remove", "Remove users, with their sessions and API keys"));
  auto* password = user->add_subcommand("password", "Change a password; other sessions end");
  password->add_option("NAME", to.user.names, "Whose password")->required()->expected(1);
  with_password(password);

  auto* group = app.add_subcommand("group", "Add, list and remove groups and their members");
  group->require_subcommand(1);
  auto with_group = [&to](CLI::App* command) {
    command->add_option("GROUP", to.group.group, "Its name, with or without group/")->required();
    return command;
  };
  auto with_users = [&to](CLI::App* command) {
    command->add_option("NAME", to.group.users, "Names or ids of users")->required();
  };
  with_group(group->add_subcommand("add", "Add a group"))
      ->add_option("--description", to.group.description, "What it is for")
      ->type_name("TEXT");
  group->add_subcommand("list", "List groups with their members");
  with_group(group->add_subcommand("remove", "Remove a group"));
  with_users(with_group(group->add_subcommand("join", "Make users members of a group")));
  with_users(with_group(group->add_subcommand("leave", "Take users out of a group")));

  auto* key = app.add_subcommand("api-key", "Create, list and remove API keys of one's own");
  key->require_subcommand(1);
  auto* create = key->add_subcommand("create", "Create an API key and print its secret, once");
  create->add_option("--name", to.key.name, "A name for it")->type_name("TEXT");
  create->add_option("--ttl", to.ttl, "How long it is valid, e.g. 90d (default: for good)")
      ->type_name("DURATION");
  key->add_subcommand("list", "List the API keys one may see");
  key->add_subcommand("remove", "Remove API keys; sessions that began with them end")
      ->add_option("KEY", to.key.keys, "Their ids, with or without credential/")
      ->required();
}

AccountArguments::~AccountArguments() = default;

bool AccountArguments::knows(const std::string& name) {
  return name == "user" || name == "group" || name == "api-key";
}

Command AccountArguments::chosen(const CLI::App& subcommand) const {
  const std::string what = subcommand.get_subcommands().front()->get_name();
  if (subcommand.get_name() == "user") {
    UserCommand command = given_->user;
    const std::map<std::string, UserCommand::What> known = {
        {"add", UserCommand::What::Add},         {"list", UserCommand::What::List},
        {"suspend", UserCommand::What::Suspend}, {"activate", UserCommand::What::Activate},
        {"remove", UserCommand::What::Remove},   {"password", UserCommand::What::Password},
    };
    command.what = known.at(what);
    prefix_all("group/", command.groups);
    const bool needs_password =
        command.what == UserCommand::What::Add || command.what == UserCommand::What::Password;
    if (needs_password) command.password = read_new_password(given_->password_file);
    return command;
  }
  if (subcommand.get_name() == "group") {
    GroupCommand command = given_->group;
    const std::map<std::string, GroupCommand::What> known = {
        {"add", GroupCommand::What::Add},       {"list", GroupCommand::What::List},
        {"remove", GroupCommand::What::Remove}, {"join", GroupCommand::What::Join},
        {"leave", GroupCommand::What::Leave},
    };
    command.what = known.at(what);
    if (!command.group.empty()) command.group = with_prefix("group/", command.group);
    return command;
  }
  JE_CHECK(subcommand.get_name() == "api-key", "a command that was declared");
  ApiKeyCommand command = given_->key;
  if (what == "create") command.what = ApiKeyCommand::What::Create;
  if (what == "list") command.what = ApiKeyCommand::What::List;
  if (what == "remove") command.what = ApiKeyCommand::What::Remove;
  prefix_all("credential/", command.keys);
  if (given_->ttl.empty()) return command;
  const auto ttl = configuration::parse_duration(given_->ttl);
  if (!ttl || *ttl < std::chrono::seconds(1)) {
    throw UsageError("--ttl: '" + given_->ttl +
                     "' is no duration of at least 1s; expected e.g. 12h or 90d");
  }
  command.ttl = std::chrono::duration_cast<std::chrono::seconds>(*ttl);
  return command;
}

}  // namespace jobengine::ctl
