#include "executor/action_host/executable_action.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "common/runtime/failure.hpp"
#include "executor/action_host/program_run.hpp"
#include "executor/plugins/action_file.hpp"

namespace jobengine::executor {

namespace {

namespace fs = std::filesystem;
using runtime::Failure;

std::string text_of(je_string text) {
  return text.data == nullptr ? std::string() : std::string(text.data, text.size);
}

ProgramJob job_of(const je_host& host, const je_job* job) {
  ProgramJob facts;
  facts.id = text_of(host.job_id(job));
  facts.action = text_of(host.job_action(job));
  facts.target = text_of(host.job_target(job));
  facts.payload = text_of(host.job_payload(job));
  facts.document = text_of(host.job_document(job));
  facts.attempt = host.job_attempt(job);
  facts.resumed = host.job_resumed(job) != 0;
  facts.checkpoint = text_of(host.load_checkpoint(job));
  return facts;
}

// Where the engine's Python module is: beside bin/, installed or built.
std::string python_modules() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const fs::path folder = program.parent_path().parent_path() / "share/job-engine/python";
  return fs::is_directory(folder, error) ? folder.string() : std::string();
}

// Ours without the executor's JOB_ variables, and what every program may want to know of its job.
std::vector<std::string> environment_for(const ProgramJob& job) {
  std::vector<std::string> result;
  std::string python_path = python_modules();
  for (const char* const* variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    constexpr std::string_view python = "PYTHONPATH=";
    if (text.starts_with("JOB_")) continue;
    if (text.starts_with(python) && !python_path.empty()) {
      // After the author's own, so that a module of theirs comes first.
      if (text.size() > python.size()) {
        python_path = std::string(text.substr(python.size())) + ":" + python_path;
      }
      continue;
    }
    result.emplace_back(text);
  }
  if (!python_path.empty()) result.push_back("PYTHONPATH=" + python_path);
  result.push_back("JOB_ID=" + job.id);
  result.push_back("JOB_ACTION=" + job.action);
  result.push_back("JOB_TARGET=" + job.target);
  result.push_back("JOB_ATTEMPT=" + std::to_string(job.attempt));
  result.push_back(std::string("JOB_RESUMED=") + (job.resumed ? "1" : "0"));
  return result;
}

}  // namespace

ExecutableAction::Description ExecutableAction::read(const std::string& manifest_file) {
  ActionFile file = read_action_file(manifest_file);
  return {std::move(file.manifest), std::move(file.folder)};
}

ExecutableAction::ExecutableAction(Manifest manifest, std::string folder)
    : manifest_(std::move(manifest)),
      folder_(std::move(folder)),
      manifest_text_(to_json(manifest_).dump()) {
  if (manifest_.command.empty() || manifest_.command.front().empty()) {
    throw Failure("the manifest of " + manifest_.name +
                  " has no \"command\"; expected is a list like [\"./main.py\"]");
  }
  action_.struct_size = sizeof action_;
  action_.manifest = {manifest_text_.data(), manifest_text_.size()};
  action_.state = this;
  action_.run = run;
}

ExecutableAction::ExecutableAction(const std::string& manifest_file)
    : ExecutableAction(read(manifest_file)) {}

ExecutableAction::ExecutableAction(Description description)
    : ExecutableAction(std::move(description.manifest), std::move(description.folder)) {}

const je_action* ExecutableAction::find(std::string_view name) const {
  return name == manifest_.name ? &action_ : nullptr;
}

std::int32_t ExecutableAction::run(void* state, const je_host* host, je_job* job) {
  std::string message;
  try {
    return static_cast<const ExecutableAction*>(state)->run_program(*host, job);
  } catch (...) {
    message = runtime::describe(std::current_exception());
  }
  host->set_outcome(job, JE_OUTCOME_FAILED, je_string{message.data(), message.size()});
  return 1;
}

std::int32_t ExecutableAction::run_program(const je_host& host, je_job* job) const {
  const ProgramJob facts = job_of(host, job);
  ProgramStart start;
  start.command = manifest_.command;
  start.folder = folder_;
  start.environment = environment_for(facts);
  if (manifest_.protocol == ProgramProtocol::None) {
    return run_plain_program(host, job, std::move(start), facts.payload);
  }
  return ProgramRun(host, job).run(std::move(start), facts);
}

}  // namespace jobengine::executor
