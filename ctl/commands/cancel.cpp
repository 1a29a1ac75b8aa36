// jobctl cancel: one job after the other; one that cannot be canceled does not keep the others.
#include <cstdio>

#include "common/program/program.hpp"
#include "ctl/api_access.hpp"
#include "ctl/commands.hpp"

namespace jobengine::ctl {

namespace {

// The API calls a job that is over "invalid credentials".
awaitable<std::string> reason_of(cimi::Client& client, std::string id, cimi::Reply refusal) {
  if (refusal.kind != cimi::ReplyKind::Refused) co_return refusal.message;
  const auto job = co_await client.get(id);
  const std::string state = attribute(job.document, "state");
  const bool over = state == "SUCCESS" || state == "FAILED" || state == "CANCELED";
  co_return over ? "it is " + state + " already" : refusal.message;
}

}  // namespace

awaitable<int> cancel(asio::io_context& loop, const CancelCommand& command,
                      const Context& context) {
  auto client = co_await open_api(loop, context);
  auto results = nlohmann::json::array();
  int exit_code = program::exit_ok;
  for (const std::string& id : command.jobs) {
    const auto reply = co_await client->operation(id, "cancel");
    const std::string state = attribute(reply.document, "state");
    nlohmann::json result = {{"id", id}, {"canceled", reply.ok()}};
    if (!reply.ok()) {
      exit_code = program::exit_failure;
      const std::string reason = co_await reason_of(*client, id, reply);
      result["message"] = reason;
      std::fprintf(stderr, "jobctl: %s is not canceled: %s\n", id.c_str(), reason.c_str());
    } else if (context.output == Output::Table) {
      std::printf("%s %s\n", id.c_str(), state.empty() ? "CANCELED" : state.c_str());
    }
    results.push_back(std::move(result));
  }
  if (context.output == Output::Json) std::printf("%s\n", results.dump(2).c_str());
  co_return exit_code;
}

}  // namespace jobengine::ctl
