// jobctl dev: the whole system on this machine until Ctrl-C.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/program/program.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/stop_signal.hpp"
#include "ctl/commands.hpp"
#include "ctl/development/system.hpp"
#include "ctl/table.hpp"

namespace jobengine::ctl {

namespace {

using development::System;
using development::SystemDirectory;

std::string own_folder() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) throw runtime::Failure("cannot find my own program: " + error.message());
  return self.parent_path().string();
}

development::SystemOptions options_of(const DevCommand& command) {
  development::SystemOptions options;
  options.programs = own_folder();
  options.api_port = static_cast<std::uint16_t>(command.api_port);
  options.zookeeper_port = static_cast<std::uint16_t>(command.zookeeper_port);
  options.distributors = command.distributors;
  options.executors = command.executors;
  options.slots = command.slots;
  options.resources = command.resources;
  for (const std::string& folder : command.actions) {
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error)) {
      throw configuration::UsageError("--actions-dir: there is no directory " + folder);
    }
    options.actions.push_back(std::filesystem::absolute(folder).lexically_normal().string());
  }
  options.drain_timeout = command.drain_timeout;
  return options;
}

std::string quoted_for_shell(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// What makes `jobctl` in another terminal talk to this system: `. DIR/env`.
void write_environment(const SystemDirectory& directory, System& system) {
  std::string text =
      "# Made by `jobctl dev`; for shells: . " + (directory.path() / "env").string() + "\n";
  for (const std::string& variable : system.environment()) {
    const auto equals = variable.find('=');
    if (!variable.starts_with("JOB_") || variable.starts_with("JOB_LOG_")) continue;
    text += "export " + variable.substr(0, equals + 1) +
            quoted_for_shell(variable.substr(equals + 1)) + "\n";
  }
  for (const auto& process : system.processes()) {
    if (!process.name.starts_with("job-executor") || process.telemetry_port == 0) continue;
    text += "export JOB_EXECUTOR=127.0.0.1:" + std::to_string(process.telemetry_port) + "\n";
    break;
  }
  text += "export PATH=" + quoted_for_shell(own_folder()) + ":\"$PATH\"\n";
  directory.write("env", text);
}

void print_json(const SystemDirectory& directory, System& system) {
  nlohmann::json processes = nlohmann::json::array();
  for (const auto& process : system.processes()) {
    nlohmann::json facts = {{"name", process.name}, {"pid", process.pid}, {"log", process.log}};
    if (process.telemetry_port != 0) facts["telemetry-port"] = process.telemetry_port;
    processes.push_back(std::move(facts));
  }
  const nlohmann::json facts = {{"directory", directory.path().string()},
                                {"api-url", system.api_url()},
                                {"api-user", System::administrator},
                                {"api-pass-file", directory.password_file().string()},
                                {"zk-hosts", system.zookeeper_hosts()},
                                {"environment-file", (directory.path() / "env").string()},
                                {"processes", processes}};
  std::printf("%s\n", facts.dump().c_str());
}

void print_table(const SystemDirectory& directory, System& system, bool stays) {
  const std::string folder = directory.path().string();
  std::printf("The job engine runs in %s%s\n\n", folder.c_str(),
              directory.temporary() ? " (removed at the end)" : "");
  std::printf("  API        %s, user %s, password in %s\n", system.api_url().c_str(),
              System::administrator, directory.password_file().c_str());
  std::printf("  ZooKeeper  %s\n\n", system.zookeeper_hosts().c_str());
  Table table({"PROCESS", "PID", "METRICS", "LOG"});
  for (const auto& process : system.processes()) {
    const std::string metrics =
        process.telemetry_port == 0
            ? "-"
            : "http://127.0.0.1:" + std::to_string(process.telemetry_port) + "/metrics";
    table.add({process.name, std::to_string(process.pid), metrics, process.log});
  }
  std::fputs(table.text().c_str(), stdout);
  if (!stays) return;
  std::printf(
      "\nTry it in another terminal:\n\n"
      "  . %s/env\n"
      "  jobctl submit dummy_test_action --payload '{\"duration\": 3}' --wait\n"
      "  jobctl submit run_command --payload '{\"argv\": [\"uname\", \"-a\"]}' --wait\n"
      "  jobctl list\n"
      "  jobctl queue\n\n"
      "Ctrl-C stops everything.\n",
      folder.c_str());
}

// Runs the command given after "--" and returns its exit code; stops it when `stop` is raised or
// the system has died.
awaitable<int> run_command(asio::io_context& loop, const DevCommand& command,
                           const SystemDirectory& directory, System& system, runtime::Event& stop) {
  runtime::SpawnRequest request;
  request.argv = command.run;
  request.environment = system.environment();
  request.environment->push_back("JOB_DEV_DIRECTORY=" + directory.path().string());
  request.parent_death_signal = SIGTERM;
  auto process = runtime::ChildProcess::spawn(loop, request);
  while (!process.exited().raised() && !stop.raised() && !system.died().raised()) {
    const auto look_again = runtime::Clock::now() + std::chrono::milliseconds(200);
    co_await runtime::Event::wait_either(process.exited(), stop, look_again);
  }
  const auto status = co_await process.stop(std::chrono::seconds(5));
  co_return status.signal_number != 0 ? 128 + status.signal_number : status.code;
}

awaitable<int> use(asio::io_context& loop, const DevCommand& command,
                   const SystemDirectory& directory, System& system, runtime::Event& stop) {
  int exit_code = program::exit_ok;
  if (!command.run.empty()) {
    exit_code = co_await run_command(loop, command, directory, system, stop);
    if (command.once) co_return exit_code;
    if (exit_code != 0 && !stop.raised()) {
      std::fprintf(stderr, "jobctl: %s exited with code %d; the engine stays up\n",
                   command.run.front().c_str(), exit_code);
    }
  }
  constexpr auto for_ever = runtime::TimePoint::max();
  co_await runtime::Event::wait_either(stop, system.died(), for_ever);
  co_return program::exit_ok;
}

// Everything between the first process's start and the decision to stop.
awaitable<int> live(asio::io_context& loop, const DevCommand& command, const Context& context,
                    SystemDirectory& directory, System& system, runtime::Event& stop) {
  if (context.output == Output::Table) {
    std::fprintf(stderr, "Starting in %s\n", directory.path().c_str());
  }
  co_await system.start(stop);
  if (stop.raised()) co_return exit_interrupted;
  write_environment(directory, system);
  if (context.output == Output::Json) {
    print_json(directory, system);
  } else {
    print_table(directory, system, !command.once);
  }
  std::fflush(stdout);
  co_return co_await use(loop, command, directory, system, stop);
}

}  // namespace

awaitable<int> dev(asio::io_context& loop, const DevCommand& command, const Context& context) {
  runtime::StopSignal stop(loop);
  SystemDirectory directory(command.directory);
  System system(loop, directory, options_of(command));
  int exit_code = program::exit_failure;
  std::string failure;
  try {
    exit_code = co_await live(loop, command, context, directory, system, stop.requested());
  } catch (const std::exception& caught) {
    failure = caught.what();
  }
  if (system.died().raised()) failure = system.obituary();
  if (context.output == Output::Table) std::fprintf(stderr, "\nStopping …\n");
  const auto bad_ends = co_await system.stop(stop.at_once());
  for (const std::string& end : bad_ends) {
    std::fprintf(stderr, "jobctl: %s while stopping\n", end.c_str());
  }
  if (failure.empty()) co_return exit_code;
  if (directory.temporary()) {
    directory.keep();
    std::fprintf(stderr, "jobctl: the logs stay in %s\n", directory.path().c_str());
  }
  throw runtime::Failure(failure);
}

}  // namespace jobengine::ctl
