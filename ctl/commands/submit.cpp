// jobctl submit: creates a job, and with --wait follows it to its end.
#include <cstdio>

#include "common/program/program.hpp"
#include "common/runtime/stop_signal.hpp"
#include "ctl/api_access.hpp"
#include "ctl/commands.hpp"
#include "ctl/commands/submit_many.hpp"

namespace jobengine::ctl {

nlohmann::json document_of(const SubmitCommand& command) {
  nlohmann::json job = {{"action", command.action}};
  if (!command.target.empty()) job["target-resource"] = {{"href", command.target}};
  if (!command.payload.empty()) job["payload"] = command.payload;
  if (!command.name.empty()) job["name"] = command.name;
  if (command.priority) job["priority"] = *command.priority;
  if (!command.mode.empty()) job["execution-mode"] = command.mode;
  return job;
}

namespace {

void print_result(const nlohmann::json& job, Output output) {
  if (output == Output::Json) {
    std::printf("%s\n", job.dump(2).c_str());
    return;
  }
  const std::string run = run_time(job);
  const std::string code = attribute(job, "return-code");
  std::string facts = attribute(job, "state");
  if (!run.empty()) facts += " after " + run;
  if (!code.empty()) facts += ", return code " + code;
  std::printf("%s %s\n", attribute(job, "id").c_str(), facts.c_str());
  const std::string message = attribute(job, "status-message");
  if (!message.empty()) std::printf("%s\n", message.c_str());
}

}  // namespace

awaitable<int> submit(asio::io_context& loop, const SubmitCommand& command,
                      const Context& context) {
  if (command.count || !command.from_file.empty()) {
    const int exit_code = co_await submit_many(loop, command, context);
    co_return exit_code;
  }
  runtime::StopSignal stop(loop);
  auto client = co_await open_api(loop, context);
  auto document = document_of(command);
  auto added = co_await client->add("job", std::move(document));
  const cimi::Reply reply = expect_ok(std::move(added));
  const std::string id = reply.location;
  if (!command.wait) {
    const std::string answer = context.output == Output::Json ? reply.document.dump(2) : id;
    std::printf("%s\n", answer.c_str());
    co_return program::exit_ok;
  }
  std::fprintf(stderr, "%s submitted\n", id.c_str());
  const auto job = co_await follow(*client, id, stop.requested());
  if (job.is_null()) {
    std::fprintf(stderr, "Not waited for any longer; it goes on: jobctl show %s\n", id.c_str());
    co_return exit_interrupted;
  }
  print_result(job, context.output);
  co_return exit_code_of(job);
}

}  // namespace jobengine::ctl
