#include "executor/executor_options.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <utility>

#include "common/job/job.hpp"
#include "common/program/program.hpp"
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

program::OptionList executor_option_list() {
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  OptionDeclaration slots = option("slots", OptionKind::Integer, "N", std::to_string(cores),
                                   "jobs run at a time; the default is the number of cores");
  slots.least = 1;
  slots.most = 1000;
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
      option("action-timeout", OptionKind::Duration, "TIME", "0",
             "stop an action that runs longer, and record its job as FAILED; 0: no limit"),
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
    "environment. IMAGE_NAME=job-lite: only actions whose manifest has pull-mode are there.\n"
    "\n"
    "Exit codes\n"
    "  0  stopped as asked; with --job-id: SUCCESS was recorded, or the job was final already\n"
    "  1  the environment: login refused, port in use, …\n"
    "  2  wrong use: options, configuration\n"
    "  3  with --job-id: the job FAILED\n"
    "  4  with --job-id: the job could not be run or recorded; it is left for the next try\n"
    "  5  ended at once, because a shared action outlived its lease or the drain";

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
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  options.host_command.program = (self.parent_path() / "job-action-host").string();
  options.host_command.environment =
      host_environment(environ, {{"NUVLAEDGE_FS", settings.text("nuvlaedge-fs")}});
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
