// jobctl actions: what an executor offers, or what the files of a directory would.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/program/program.hpp"
#include "common/runtime/failure.hpp"
#include "ctl/action_list.hpp"
#include "ctl/commands.hpp"
#include "ctl/development/http_probe.hpp"
#include "ctl/plugin_descriptions.hpp"
#include "ctl/progress.hpp"

namespace jobengine::ctl {

namespace {

using nlohmann::json;
using runtime::Failure;

awaitable<json> ask_executor(std::string host, int port) {
  constexpr auto limit = std::chrono::seconds(10);
  constexpr int http_ok = 200;
  constexpr int http_not_found = 404;
  const std::string place = host + ":" + std::to_string(port);
  const auto number = static_cast<std::uint16_t>(port);
  const auto reply = co_await development::probe(std::move(host), number, "/actions", limit);
  if (reply.status == 0) {
    throw Failure("no executor answers at " + place + ": " + reply.text +
                  "\nAn executor tells of its actions when it runs with --telemetry-port; name it "
                  "with --executor HOST:PORT, or look at files with --actions-dir DIR.");
  }
  if (reply.status == http_not_found) {
    throw Failure("what answers at " + place +
                  " tells of no actions: it is no job-executor, or one without its actions yet");
  }
  json report = json::parse(reply.text, nullptr, false);
  if (reply.status != http_ok || !report.is_object() || !report.contains("actions")) {
    throw Failure("what answers at " + place + " is no job-executor: HTTP " +
                  std::to_string(reply.status));
  }
  co_return report;
}

awaitable<json> report_for(asio::io_context& loop, const ActionsCommand& command) {
  std::string directory = command.directory;
  if (!directory.empty()) co_return co_await describe_directory(loop, std::move(directory));
  std::string host = command.host;
  co_return co_await ask_executor(std::move(host), command.port);
}

std::string as_json(const json& value) {
  return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace

awaitable<int> actions(asio::io_context& loop, const ActionsCommand& command,
                       const Context& context) {
  const json report = co_await report_for(loop, command);
  const bool as_machine = command.json || context.output == Output::Json;
  if (!command.name.empty()) {
    const json& action = find_action(report, command.name);
    const std::string text = as_machine ? as_json(action) : description_of_action(action);
    std::fputs(text.c_str(), stdout);
    co_return program::exit_ok;
  }
  const std::string text = as_machine ? as_json(report) : table_of_actions(report, output_width());
  std::fputs(text.c_str(), stdout);
  if (as_machine) co_return program::exit_ok;
  std::fputs(refused_files(report).c_str(), stderr);
  for (const json& one : report.value("warnings", json::array())) {
    std::fprintf(stderr, "%s\n", one.value("warning", "").c_str());
  }
  co_return program::exit_ok;
}

}  // namespace jobengine::ctl
