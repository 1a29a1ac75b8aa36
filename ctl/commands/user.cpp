// jobctl user: users, for administrators; one's own password, for everybody.
#include <algorithm>
#include <cstdio>
#include <map>

#include "common/program/program.hpp"
#include "common/runtime/failure.hpp"
#include "ctl/account_access.hpp"
#include "ctl/progress.hpp"
#include "ctl/table.hpp"
#include "ctl/times.hpp"

namespace jobengine::ctl {

namespace {

using nlohmann::json;

json new_user(const UserCommand& command) {
  json wanted = {{"href", "user-template/username-password"},
                 {"username", command.names.front()},
                 {"password", command.password}};
  if (!command.groups.empty()) wanted["groups"] = command.groups;
  return {{"template", wanted}};
}

awaitable<int> add(cimi::Client& client, UserCommand command, Output output) {
  auto document = new_user(command);
  auto reply = co_await client.add("user", std::move(document));
  if (reply.kind == cimi::ReplyKind::Conflict) {
    throw runtime::Failure("there is a user '" + command.names.front() + "' already");
  }
  reply = expect_ok(std::move(reply));
  const std::string answer = output == Output::Json ? reply.document.dump(2) : reply.location;
  std::printf("%s\n", answer.c_str());
  co_return program::exit_ok;
}

// The groups of each user, by its id.
awaitable<std::map<std::string, std::vector<std::string>>> memberships(cimi::Client& client) {
  const auto groups = co_await all_of(client, "group", "", "id:asc");
  std::map<std::string, std::vector<std::string>> of_users;
  for (const auto& group : groups) {
    for (const auto& user : group.value("users", json::array())) {
      of_users[user.get<std::string>()].push_back(attribute(group, "id"));
    }
  }
  co_return of_users;
}

awaitable<int> list_users(cimi::Client& client, Output output) {
  const auto users = co_await all_of(client, "user", "", "name:asc");
  const auto of_users = co_await memberships(client);
  Table table({"NAME", "STATE", "AGE", "ID", "GROUPS"});
  json rows = json::array();
  for (const auto& user : users) {
    const auto id = attribute(user, "id");
    const auto found = of_users.find(id);
    const auto groups = found == of_users.end() ? std::vector<std::string>() : found->second;
    std::string text;
    for (const auto& group : groups) text += (text.empty() ? "" : " ") + group.substr(6);
    table.add({attribute(user, "name"), attribute(user, "state"),
               age_text(attribute(user, "created"), wall_now()), id, text});
    rows.push_back({{"id", id},
                    {"name", attribute(user, "name")},
                    {"state", attribute(user, "state")},
                    {"created", attribute(user, "created")},
                    {"groups", groups}});
  }
  const std::string text =
      output == Output::Json ? rows.dump(2) + "\n" : table.text(output_width());
  std::fputs(text.c_str(), stdout);
  co_return program::exit_ok;
}

awaitable<cimi::Reply> apply(cimi::Client& client, UserCommand::What what, std::string id) {
  if (what == UserCommand::What::Remove) return client.remove(std::move(id));
  json change;
  change["state"] = what == UserCommand::What::Suspend ? "SUSPENDED" : "ACTIVE";
  return client.edit(std::move(id), std::move(change));
}

awaitable<int> change_each(cimi::Client& client, UserCommand command, Output output) {
  const std::map<UserCommand::What, const char*> words = {
      {UserCommand::What::Suspend, "suspended"},
      {UserCommand::What::Activate, "activated"},
      {UserCommand::What::Remove, "removed"},
  };
  Outcomes outcomes(output);
  for (const std::string& name : command.names) {
    std::string trouble;
    try {
      const auto user = co_await find_user(client, name);
      auto reply = co_await apply(client, command.what, attribute(user, "id"));
      if (!reply.ok()) trouble = reply.message;
    } catch (const runtime::Failure& failure) {
      trouble = failure.what();
    }
    if (trouble.empty()) {
      outcomes.done(name, words.at(command.what));
    } else {
      outcomes.failed(name, trouble);
    }
  }
  co_return outcomes.finish();
}

awaitable<int> change_password(cimi::Client& client, UserCommand command, const Context& context) {
  const auto user = co_await find_user(client, command.names.front());
  json change = {{"new-password", command.password}};
  // One's own takes the one before, which the login has just used.
  const auto name = attribute(user, "name");
  const auto& password = context.settings.text("api-pass");
  if (context.settings.text("api-user") == name && !password.empty()) {
    change["current-password"] = password;
  }
  const auto credential = attribute(user, "credential-password");
  if (credential.empty()) throw runtime::Failure("the user '" + name + "' has no password");
  auto reply = co_await client.operation(credential, "change-password", std::move(change));
  expect_ok(std::move(reply));
  Outcomes outcomes(context.output);
  outcomes.done(name, "has a new password");
  co_return outcomes.finish();
}

}  // namespace

awaitable<int> user(asio::io_context& loop, const UserCommand& command, const Context& context) {
  auto client = co_await open_api(loop, context);
  int exit_code = program::exit_ok;
  switch (command.what) {
    case UserCommand::What::Add:
      exit_code = co_await add(*client, command, context.output);
      break;
    case UserCommand::What::List:
      exit_code = co_await list_users(*client, context.output);
      break;
    case UserCommand::What::Password:
      exit_code = co_await change_password(*client, command, context);
      break;
    case UserCommand::What::Suspend:
    case UserCommand::What::Activate:
    case UserCommand::What::Remove:
      exit_code = co_await change_each(*client, command, context.output);
      break;
  }
  co_return exit_code;
}

}  // namespace jobengine::ctl
