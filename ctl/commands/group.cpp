// jobctl group: groups and who is in them.
#include <algorithm>
#include <cstdio>
#include <map>

#include "common/program/program.hpp"
#include "common/runtime/failure.hpp"
#include "ctl/account_access.hpp"
#include "ctl/progress.hpp"
#include "ctl/table.hpp"

namespace jobengine::ctl {

namespace {

using nlohmann::json;

// How often a change of members is tried when others change the same group.
constexpr int most_attempts = 10;

awaitable<int> add(cimi::Client& client, GroupCommand command, Output output) {
  const auto name = command.group.substr(std::string("group/").size());
  json document = {{"template", {{"href", "group-template/generic"}, {"group-identifier", name}}}};
  if (!command.description.empty()) document["description"] = command.description;
  auto reply = co_await client.add("group", std::move(document));
  if (reply.kind == cimi::ReplyKind::Conflict) {
    throw runtime::Failure("there is a " + command.group + " already");
  }
  reply = expect_ok(std::move(reply));
  const std::string answer = output == Output::Json ? reply.document.dump(2) : reply.location;
  std::printf("%s\n", answer.c_str());
  co_return program::exit_ok;
}

awaitable<int> list_groups(cimi::Client& client, Output output) {
  const auto groups = co_await all_of(client, "group", "", "id:asc");
  const auto users = co_await all_of(client, "user", "", "name:asc");
  std::map<std::string, std::string> names;
  for (const auto& user : users) names[attribute(user, "id")] = attribute(user, "name");
  Table table({"GROUP", "DESCRIPTION", "MEMBERS"});
  json rows = json::array();
  for (const auto& group : groups) {
    std::string members;
    for (const auto& user : group.value("users", json::array())) {
      const auto known = names.find(user.get<std::string>());
      members += members.empty() ? "" : " ";
      members += known == names.end() ? user.get<std::string>() : known->second;
    }
    const auto id = attribute(group, "id");
    table.add({id.substr(6), attribute(group, "description"), members});
    rows.push_back({{"id", id},
                    {"description", attribute(group, "description")},
                    {"users", group.value("users", json::array())}});
  }
  const std::string text =
      output == Output::Json ? rows.dump(2) + "\n" : table.text(output_width());
  std::fputs(text.c_str(), stdout);
  co_return program::exit_ok;
}

json with_member(const json& users, const std::string& id, bool member) {
  json changed = json::array();
  for (const auto& user : users) {
    if (user != id) changed.push_back(user);
  }
  if (member) changed.push_back(id);
  return changed;
}

// Reads, changes and writes the list of members; anew when somebody else changed it meanwhile.
awaitable<void> set_member(cimi::Client& client, std::string group, std::string user, bool member) {
  for (int attempt = 1;; ++attempt) {
    auto found = co_await client.get(group);
    const cimi::Reply read = expect_ok(std::move(found));
    cimi::EditOptions unchanged;
    unchanged.if_match = read.etag;
    json change;
    change["users"] = with_member(read.document.value("users", json::array()), user, member);
    auto edited = co_await client.edit(group, std::move(change), std::move(unchanged));
    const bool overtaken = edited.kind == cimi::ReplyKind::PreconditionFailed;
    if (overtaken && attempt < most_attempts) continue;
    expect_ok(std::move(edited));
    co_return;
  }
}

awaitable<int> change_members(cimi::Client& client, GroupCommand command, Output output) {
  const bool joins = command.what == GroupCommand::What::Join;
  Outcomes outcomes(output);
  for (const std::string& name : command.users) {
    std::string trouble;
    try {
      const auto user = co_await find_user(client, name);
      co_await set_member(client, command.group, attribute(user, "id"), joins);
    } catch (const runtime::Failure& failure) {
      trouble = failure.what();
    }
    if (trouble.empty()) {
      outcomes.done(name, (joins ? "is in " : "is not in ") + command.group);
    } else {
      outcomes.failed(name, trouble);
    }
  }
  co_return outcomes.finish();
}

awaitable<int> remove(cimi::Client& client, GroupCommand command, Output output) {
  auto reply = co_await client.remove(command.group);
  expect_ok(std::move(reply));
  Outcomes outcomes(output);
  outcomes.done(command.group, "removed");
  co_return outcomes.finish();
}

}  // namespace

awaitable<int> group(asio::io_context& loop, const GroupCommand& command, const Context& context) {
  auto client = co_await open_api(loop, context);
  int exit_code = program::exit_ok;
  switch (command.what) {
    case GroupCommand::What::Add:
      exit_code = co_await add(*client, command, context.output);
      break;
    case GroupCommand::What::List:
      exit_code = co_await list_groups(*client, context.output);
      break;
    case GroupCommand::What::Remove:
      exit_code = co_await remove(*client, command, context.output);
      break;
    case GroupCommand::What::Join:
    case GroupCommand::What::Leave:
      exit_code = co_await change_members(*client, command, context.output);
      break;
  }
  co_return exit_code;
}

}  // namespace jobengine::ctl
