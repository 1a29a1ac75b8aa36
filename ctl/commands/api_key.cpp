// jobctl api-key: keys that programs log in with.
#include <cstdio>

#include "common/program/program.hpp"
#include "common/runtime/failure.hpp"
#include "ctl/account_access.hpp"
#include "ctl/progress.hpp"
#include "ctl/table.hpp"
#include "ctl/times.hpp"

namespace jobengine::ctl {

namespace {

using nlohmann::json;

awaitable<int> create(cimi::Client& client, ApiKeyCommand command, Output output) {
  json wanted = {{"href", "credential-template/generate-api-key"}};
  if (command.ttl.count() > 0) wanted["ttl"] = command.ttl.count();
  json document = {{"template", wanted}};
  if (!command.name.empty()) document["name"] = command.name;
  auto added = co_await client.add("credential", std::move(document));
  const cimi::Reply reply = expect_ok(std::move(added));
  if (output == Output::Json) {
    std::printf("%s\n", reply.document.dump(2).c_str());
  } else {
    std::printf("key    %s\nsecret %s\n", reply.location.c_str(),
                attribute(reply.document, "secret-key").c_str());
    std::fprintf(stderr, "The secret cannot be shown again.\n");
  }
  co_return program::exit_ok;
}

awaitable<int> list_keys(cimi::Client& client, Output output) {
  const auto keys =
      co_await all_of(client, "credential", "subtype='credential-api-key'", "created:asc");
  Table table({"KEY", "OWNER", "AGE", "EXPIRES", "NAME"});
  for (const auto& key : keys) {
    const auto claims = key.find("claims");
    const auto owner = claims == key.end() ? std::string() : attribute(*claims, "identity");
    const auto expiry = attribute(key, "expiry");
    table.add({attribute(key, "id"), owner, age_text(attribute(key, "created"), wall_now()),
               expiry.empty() ? "never" : expiry, attribute(key, "name")});
  }
  const std::string text =
      output == Output::Json ? keys.dump(2) + "\n" : table.text(output_width());
  std::fputs(text.c_str(), stdout);
  co_return program::exit_ok;
}

awaitable<int> remove_each(cimi::Client& client, ApiKeyCommand command, Output output) {
  Outcomes outcomes(output);
  for (const std::string& key : command.keys) {
    const auto reply = co_await client.remove(key);
    if (reply.ok()) {
      outcomes.done(key, "removed");
    } else {
      outcomes.failed(key, reply.message);
    }
  }
  co_return outcomes.finish();
}

}  // namespace

awaitable<int> api_key(asio::io_context& loop, const ApiKeyCommand& command,
                       const Context& context) {
  auto client = co_await open_api(loop, context);
  int exit_code = program::exit_ok;
  switch (command.what) {
    case ApiKeyCommand::What::Create:
      exit_code = co_await create(*client, command, context.output);
      break;
    case ApiKeyCommand::What::List:
      exit_code = co_await list_keys(*client, context.output);
      break;
    case ApiKeyCommand::What::Remove:
      exit_code = co_await remove_each(*client, command, context.output);
      break;
  }
  co_return exit_code;
}

}  // namespace jobengine::ctl
