#include "executor/executor_options.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "common/job/job.hpp"
#include "common/program/program.hpp"
#include "executor/hosts/action_user.hpp"
#include "executor/hosts/host_environment.hpp"

namespace jobengine::executor {

namespace {

using configuration::OptionDeclaration;
using configuration::OptionKind;

OptionDeclaration option(std::string name, OptionKind kind, std::string placeholder,
                         std::string default_text, std::string help) {
  OptionDeclaration made;
  made.name = std::move(name);
  made.kind = kind;
  made.placeholder = std::move(placeholder);
  made.default_text = std::move(default_text);
  made.help = std::move(help);
  return made;
}

// What a host needs for itself, before an action has anything.
constexpr std::int64_t least_open_files = 32;
constexpr std::uint64_t least_memory = 64UL << 20;
constexpr std::uint64_t least_processes = 16;

program::OptionList executor_option_list() {
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  OptionDeclaration slots = option("slots", OptionKind::Integer, "N", std::to_string(cores),
                                   "jobs run at a time; the default is the number of cores");
  slots.least = 1;
  slots.most = 1000;
  OptionDeclaration open_files = option("host-open-files", OptionKind::Integer, "N", "1024",
                                        "files an action's process may have open");
  open_files.least = least_open_files;
  open_files.most = 1 << 20;
  OptionDeclaration max_attempts =
      option("max-attempts", OptionKind::Integer, "N", "5",
             "a job of which so many attempts died with their executor, or lost their lock, is "
             "recorded as FAILED; 0: it is tried for ever");
  max_attempts.least = 0;
  max_attempts.most = 1000;
  OptionDeclaration log_limit =
      option("log-limit", OptionKind::Integer, "BYTES", "1048576",
             "so much of what an action prints and says is sent to the log of its job, and its "
             "last lines; 0: none is sent");
  log_limit.least = 0;
  log_limit.most = 1LL << 28;
  return {
      slots,
      option("actions-dir", OptionKind::TextList, "DIR", "",
             "directories whose *.so are the action plugins; the default is "
             "../lib/job-engine/actions beside this program's directory"),
      option("shared-actions", OptionKind::TextList, "ACTION", "",
             "actions of isolation shared that may run in a thread of this executor, or all; the "
             "others run in a process of their own like any action"),
      option("labels", OptionKind::TextList, "LABEL", "",
             "what this executor has, such as gpu or region=eu; actions whose manifest names a "
             "label that is missing here are left to other executors"),
      option("drain-timeout", OptionKind::Duration, "TIME", "120s",
             "how long a stop waits for running actions before it stops them"),
      max_attempts,
      option("state-dir", OptionKind::Text, "DIR", "",
             "where outcomes are kept that could not be recorded yet, and what lets an executor "
             "started in place of one that crashed give up its locks at once; one directory an "
             "executor, on a local disk. The default is none"),
      option("action-timeout", OptionKind::Duration, "TIME", "0",
             "stop an action that runs longer, and record its job as FAILED; 0: no limit. A "
             "shorter timeout in the action's manifest counts instead"),
      option("stop-grace", OptionKind::Duration, "TIME", "5s",
             "how long an action that is asked to stop has before SIGTERM"),
      option("kill-grace", OptionKind::Duration, "TIME", "2s", "and from there to SIGKILL"),
      option("host-memory", OptionKind::Text, "SIZE", "",
             "memory of an action's process (data, RLIMIT_DATA), and of each it starts: bytes, or "
             "with K, M, G; the default is no limit"),
      open_files,
      option("host-processes", OptionKind::Text, "N", "",
             "processes and threads the --action-user may have in all (RLIMIT_NPROC); the default "
             "is no limit"),
      option("host-file-size", OptionKind::Text, "SIZE", "",
             "longest file an action may write (RLIMIT_FSIZE): bytes, or with K, M, G; the default "
             "is no limit"),
      option("action-user", OptionKind::Text, "USER", "",
             "run actions as this user, NAME or UID with or without :GROUP behind it, so that they "
             "cannot reach the executor; needs root"),
      log_limit,
      option("job-id", OptionKind::Text, "ID", "",
             "pull mode: run this one job, without queue and ZooKeeper, and exit"),
      option("nuvlaedge-fs", OptionKind::Text, "DIR", "/srv/nuvlaedge/shared/",
             "data directory of an edge; actions find it in the environment as NUVLAEDGE_FS"),
      option("statsd", OptionKind::Text, "HOST[:PORT]", "",
             "accepted because Nuvla's executor has it; executors publish nothing there"),
  };
}

constexpr const char* footer =
    "SIGTERM and SIGINT drain: no more jobs are taken, running actions may end within\n"
    "--drain-timeout, then they are stopped and their jobs released. A second signal skips the\n"
    "wait.\n"
    "\n"
    "Actions run in child processes without the executor's secrets: JOB_API_…, JOB_COOKIES and\n"
    "every JOB_… variable that names a password, secret, key or token are taken out of their\n"
    "environment. They end with their job, with whatever they started: daemons, too. Programs "
    "they\n"
    "execute gain no rights by set-user-id bits (sudo). IMAGE_NAME=job-lite: only actions whose "
    "manifest has pull-mode are there.\n"
    "\n"
    "Exit codes\n"
    "  0  stopped as asked; with --job-id: SUCCESS was recorded, or the job was final already\n"
    "  1  the environment: login refused, port in use, …\n"
    "  2  wrong use: options, configuration\n"
    "  3  with --job-id: the job FAILED\n"
    "  4  with --job-id: the job could not be run or recorded; it is left for the next try\n"
    "  5  ended at once, because a shared action outlived its lease or the drain";

// Nothing when the option was not given.
std::optional<std::uint64_t> size_option(const configuration::Settings& settings,
                                         const std::string& name, std::uint64_t least,
                                         const char* example) {
  if (!settings.given(name)) return std::nullopt;
  const std::string& text = settings.text(name);
  const auto size = parse_size(text);
  if (size && *size >= least) return size;
  throw configuration::UsageError("--" + name + " (" + settings.origin(name) + "): \"" + text +
                                  "\" " + (size ? "is too little" : "is none") + "; expected " +
                                  example + ", at least " + std::to_string(least));
}

HostLimits host_limits(const configuration::Settings& settings) {
  HostLimits limits;
  limits.memory = size_option(settings, "host-memory", least_memory, "a size like 512M or 2G");
  limits.open_files = static_cast<std::uint64_t>(settings.integer("host-open-files"));
  limits.processes =
      size_option(settings, "host-processes", least_processes, "a number of processes");
  limits.file_size = size_option(settings, "host-file-size", 1, "a size like 512M or 2G");
  if (limits.processes && !settings.given("action-user") && ::geteuid() == 0) {
    throw configuration::UsageError(
        "--host-processes: the system sets no such limit to root, which this is; give "
        "--action-user as well");
  }
  return limits;
}

HostCommand host_command(const configuration::Settings& settings) {
  HostCommand command;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  command.program = (self.parent_path() / "job-action-host").string();
  command.limits = host_limits(settings);
  std::vector<std::pair<std::string, std::string>> additions;
  if (settings.given("action-user")) {
    ActionUser user = parse_action_user(settings.text("action-user"));
    command.credentials = std::move(user.credentials);
    additions = std::move(user.environment);
  }
  additions.emplace_back("NUVLAEDGE_FS", settings.text("nuvlaedge-fs"));
  command.environment = host_environment(environ, additions);
  return command;
}

}  // namespace

configuration::ProgramDeclaration program_declaration() {
  using program::operator+;
  configuration::ProgramDeclaration declaration;
  declaration.name = "job-executor";
  declaration.description =
      "Takes jobs from the queue, runs their actions, and records the outcomes in the resource "
      "API.";
  declaration.options = executor_option_list() + program::zookeeper_options() +
                        program::api_options() + program::telemetry_options() +
                        program::logging_options();
  declaration.footer = footer;
  return declaration;
}

ExecutorOptions executor_options(const configuration::Settings& settings) {
  const std::string& job_id = settings.text("job-id");
  if (settings.given("job-id") && !job::is_job_id(job_id)) {
    throw configuration::UsageError("--job-id: \"" + job_id +
                                    "\" is no job id; expected one like job/1234");
  }
  ExecutorOptions options;
  options.slots = static_cast<std::size_t>(settings.integer("slots"));
  options.shared_actions = SharedActions(settings.list("shared-actions"));
  options.drain_timeout = settings.duration("drain-timeout");
  options.limits.action.timeout = settings.duration("action-timeout");
  options.limits.action.stop_grace = settings.duration("stop-grace");
  options.limits.action.kill_grace = settings.duration("kill-grace");
  options.host_command = host_command(settings);
  options.max_attempts = static_cast<std::int32_t>(settings.integer("max-attempts"));
  options.logs.limit = static_cast<std::size_t>(settings.integer("log-limit"));
  options.logs.executor = program::instance_name(settings);
  return options;
}

std::vector<ActionDirectory> action_directories(const configuration::Settings& settings) {
  if (!settings.given("actions-dir")) {
    return default_action_directories(std::filesystem::read_symlink("/proc/self/exe").string());
  }
  std::vector<ActionDirectory> result;
  for (const std::string& path : settings.list("actions-dir")) result.push_back({path, true});
  return result;
}

std::vector<std::string> executor_labels(const configuration::Settings& settings) {
  return settings.given("labels") ? settings.list("labels") : std::vector<std::string>();
}

bool is_lite_image() {
  const char* name = std::getenv("IMAGE_NAME");
  return name != nullptr && std::string_view(name) == "job-lite";
}

}  // namespace jobengine::executor
