#include "actions/builtin/command_line.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <system_error>

namespace jobengine::actions {

namespace {

constexpr double shortest_timeout = 0.001;
constexpr double longest_timeout = 30.0 * 86400;
constexpr double default_grace = 5;
constexpr double longest_grace = 600;
constexpr int timed_out_code = 124;  // as timeout(1)
constexpr int signal_base = 128;     // as the shell

using Environment = std::map<std::string, std::string>;

std::chrono::milliseconds milliseconds_of(double seconds) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<double>(seconds));
}

void refuse_nul(const std::string& key, const std::string& text) {
  if (text.find('\0') != std::string::npos) Payload::fail(key, "text without NUL characters", text);
}

// Ours, without the engine's own settings: credentials are among them.
Environment inherited_environment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || text.starts_with("JOB_")) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

Environment environment_of(const Job& job, Payload& payload) {
  auto environment = inherited_environment();
  environment["JOB_ID"] = job.id();
  environment["JOB_ATTEMPT"] = std::to_string(job.attempt());
  if (!job.target().empty()) environment["JOB_TARGET"] = job.target();
  for (const auto& [name, value] : payload.text_map("environment")) {
    if (name.empty() || name.find('=') != std::string::npos) {
      Payload::fail("environment", "an object whose keys are names without \"=\"", name);
    }
    refuse_nul("environment", name);
    refuse_nul("environment\".\"" + name, value);
    environment[name] = value;
  }
  return environment;
}

std::vector<std::string> argv_of(Payload& payload) {
  auto argv = payload.texts("argv");
  if (argv.empty() || argv.front().empty()) {
    Payload::fail("argv", "a list whose first element names a program", argv);
  }
  for (const auto& argument : argv) refuse_nul("argv", argument);
  return argv;
}

std::string working_directory_of(Payload& payload) {
  auto directory = payload.text_or("working-directory", "");
  if (directory.empty()) return directory;
  refuse_nul("working-directory", directory);
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0) {
    throw PayloadError("payload: \"working-directory\" " + directory + ": " +
                       std::generic_category().message(errno));
  }
  if (!S_ISDIR(status.st_mode)) {
    throw PayloadError("payload: \"working-directory\" " + directory + " is no directory");
  }
  return directory;
}

bool is_executable_file(const std::string& file) {
  struct stat status{};
  return ::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(file.c_str(), X_OK) == 0;
}

// A name without a slash is looked up in the PATH the command will have.
std::string program_of(const std::string& name, const Environment& environment) {
  if (name.find('/') != std::string::npos) return name;
  const auto at = environment.find("PATH");
  const std::string path = at == environment.end() ? "/usr/local/bin:/usr/bin:/bin" : at->second;
  for (std::size_t from = 0; from <= path.size();) {
    const auto to = std::min(path.find(':', from), path.size());
    const auto folder = path.substr(from, to - from);
    const auto file = (folder.empty() ? "." : folder) + "/" + name;
    if (is_executable_file(file)) return file;
    from = to + 1;
  }
  throw CommandNotStarted("there is no program \"" + name + "\" in PATH (" + path + ")", ENOENT);
}

std::string seconds_text(std::chrono::milliseconds time) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.3f s", static_cast<double>(time.count()) / 1000);
  return text.data();
}

std::string end_text(const CommandResult& result) {
  if (result.signal_number == 0) return "exited with code " + std::to_string(result.code);
  return "killed by signal " + std::to_string(result.signal_number) + " (" +
         ::strsignal(result.signal_number) + ")";
}

std::string headline(const Command& command, const CommandResult& result) {
  std::string text;
  switch (result.end) {
    case CommandEnd::by_itself:
      break;
    case CommandEnd::timed_out:
      text = "took longer than its timeout of " + seconds_text(*command.timeout) + ": ";
      break;
    case CommandEnd::stopped:
      text = "stopped on request: ";
      break;
  }
  if (result.killed) text += "did not end within " + seconds_text(command.grace) + " of SIGTERM, ";
  return text + end_text(result);
}

}  // namespace

Command command_of(Job& job) {
  Payload payload(job.payload());
  Command command;
  command.argv = argv_of(payload);
  const auto environment = environment_of(job, payload);
  command.input = payload.text_or("stdin", "");
  if (payload.find("timeout") != nullptr) {
    command.timeout =
        milliseconds_of(payload.number_or("timeout", 0, shortest_timeout, longest_timeout));
  }
  command.grace = milliseconds_of(payload.number_or("grace", default_grace, 0, longest_grace));
  command.working_directory = working_directory_of(payload);
  payload.finish();
  for (const auto& [name, value] : environment) {
    std::string entry = name;
    entry.append("=").append(value);
    command.environment.push_back(std::move(entry));
  }
  command.program = program_of(command.argv.front(), environment);
  return command;
}

std::string report(const Command& command, const CommandResult& result) {
  std::string text = headline(command, result) + " after " + seconds_text(result.duration) +
                     "; stdout " + bytes_text(result.standard_output.total()) + ", stderr " +
                     bytes_text(result.standard_error.total());
  if (result.standard_output.total() > 0) text += "\n--- stdout\n" + result.standard_output.text();
  if (result.standard_error.total() > 0) {
    if (text.back() == '\n') text.pop_back();
    text += "\n--- stderr\n" + result.standard_error.text();
  }
  return text;
}

int return_code_of(const CommandResult& result) {
  if (result.end == CommandEnd::timed_out) return timed_out_code;
  if (result.end == CommandEnd::stopped) return signal_base + SIGTERM;
  return result.signal_number == 0 ? result.code : signal_base + result.signal_number;
}

}  // namespace jobengine::actions
