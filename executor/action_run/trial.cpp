#include "executor/action_run/trial.hpp"

#include <jobengine/plugin_abi.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/json_schema/json_schema.hpp"
#include "common/runtime/failure.hpp"
#include "common/runtime/task_group.hpp"

namespace jobengine::executor {

namespace {

using nlohmann::json;
using runtime::Clock;
using runtime::Failure;

constexpr auto stop_grace = std::chrono::seconds(5);
constexpr auto kill_grace = std::chrono::seconds(2);
constexpr const char* tried_job = "job/00000000-0000-0000-0000-000000000001";

json parsed(const std::string& text) {
  return json::parse(text, nullptr, false);
}

std::string names_of(const std::vector<Manifest>& actions) {
  std::string names;
  for (const Manifest& manifest : actions) names += (names.empty() ? "" : ", ") + manifest.name;
  return names;
}

// "bulk_*" stands for every name that begins so.
bool fits(const std::string& name, const std::string& action) {
  if (!name.ends_with('*')) return name == action;
  return action.starts_with(std::string_view(name).substr(0, name.size() - 1));
}

const Manifest& chosen(const std::vector<Manifest>& actions, std::string& action,
                       const std::string& file) {
  if (action.empty() && actions.size() == 1) action = actions.front().name;
  if (action.empty()) {
    throw Failure(file + " has several actions; name one of them: " + names_of(actions));
  }
  const auto found = std::find_if(actions.begin(), actions.end(), [&](const Manifest& manifest) {
    return fits(manifest.name, action);
  });
  if (found == actions.end()) {
    throw Failure(file + " has no action " + action + "; it has: " + names_of(actions));
  }
  return *found;
}

std::string document_of(const TrialRequest& request) {
  json document;
  document["id"] = tried_job;
  document["resource-type"] = "job";
  document["action"] = request.action;
  document["state"] = "RUNNING";
  document["version"] = 2;
  document["progress"] = 0;
  document["execution-mode"] = "push";
  if (!request.target.empty()) document["target-resource"]["href"] = request.target;
  if (!request.payload.empty()) document["payload"] = request.payload;
  return document.dump();
}

// Empty: the executor would run it.
std::string complaint_about_payload(const Manifest& manifest, const std::string& payload) {
  if (manifest.payload_schema.is_null()) return {};
  const json_schema::JsonSchema schema(manifest.payload_schema);
  const json document = payload.empty() ? json::object() : parsed(payload);
  const auto violations = schema.violations(document);
  return violations.empty() ? "" : json_schema::text_of(violations);
}

class Trial final : private HostListener {
 public:
  Trial(asio::io_context& loop, HostProcess& host, TrialRequest request, TrialReport& report,
        runtime::StopSignal& stop)
      : host_(host),
        request_(std::move(request)),
        report_(report),
        stop_(stop),
        tasks_(loop.get_executor()) {}

  awaitable<int> run(const Manifest& manifest);

 private:
  awaitable<void> obey();
  awaitable<void> end_it();
  int told_end(const HostRunEnd& end);
  int told_result(const ResultMessage& result);

  void on_progress(int percent) override {
    report_.tell("progress", std::to_string(percent) + "%", {{"percent", percent}});
  }
  void on_status(std::string text) override { report_.tell("status", text); }
  void on_affected_resource(std::string href) override { report_.tell("affected", href); }
  void on_log(int level, std::string line) override {
    constexpr std::array levels = {"debug", "info", "warning", "error"};
    const char* name = levels.at(static_cast<std::size_t>(std::clamp(level, 0, 3)));
    report_.tell("log", "[" + std::string(name) + "] " + line, {{"level", name}, {"text", line}});
  }
  void on_output(OutputStream stream, std::string_view line) override {
    report_.tell(stream == OutputStream::Stdout ? "stdout" : "stderr", line);
  }
  void on_api_request(ApiRequestMessage request) override;
  void on_checkpoint(CheckpointMessage checkpoint) override;

  HostProcess& host_;
  TrialRequest request_;
  TrialReport& report_;
  runtime::StopSignal& stop_;
  runtime::TaskGroup tasks_;
  runtime::Event finished_;
  std::chrono::milliseconds timeout_{0};
  std::string stopped_because_;
  std::string checkpoint_;
};

awaitable<int> Trial::run(const Manifest& manifest) {
  timeout_ = request_.timeout.count() > 0 ? request_.timeout : manifest.timeout;
  RunMessage message;
  message.action = manifest.name;
  message.document = document_of(request_);
  message.attempt = request_.attempt;
  message.resumed = request_.attempt > 1;
  message.checkpoint = request_.checkpoint;
  report_.tell("run",
               request_.action + ", attempt " + std::to_string(request_.attempt) +
                   (request_.payload.empty() ? ", no payload" : ", payload " + request_.payload));
  const auto started = Clock::now();
  tasks_.spawn(obey());
  HostListener& listener = *this;
  const HostRunEnd end = co_await host_.run(std::move(message), listener);
  finished_.raise();
  co_await tasks_.join();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started);
  const int code = told_end(end);
  if (!checkpoint_.empty() && code != trial_succeeded) {
    report_.tell("next time", "--attempt " + std::to_string(request_.attempt + 1) +
                                  " --checkpoint '" + checkpoint_ + "' goes on from here");
  }
  report_.tell("time", std::to_string(ms.count()) + " ms", {{"ms", ms.count()}});
  co_return code;
}

awaitable<void> Trial::obey() {
  const auto limit = timeout_.count() > 0 ? Clock::now() + timeout_ : runtime::TimePoint::max();
  co_await runtime::Event::wait_either(finished_, stop_.requested(), limit);
  if (finished_.raised()) co_return;
  stopped_because_ = stop_.requested().raised()
                         ? "you asked for it"
                         : "of its limit of " + std::to_string(timeout_.count()) + " ms";
  report_.tell("stop", "asked to stop, because " + stopped_because_);
  host_.ask_to_stop();
  co_await runtime::Event::wait_either(finished_, stop_.at_once(), Clock::now() + stop_grace);
  if (finished_.raised()) co_return;
  report_.tell("stop", "SIGTERM");
  host_.signal(SIGTERM);
  co_await runtime::Event::wait_either(finished_, stop_.at_once(), Clock::now() + kill_grace);
  if (finished_.raised()) co_return;
  report_.tell("stop", "SIGKILL");
  host_.signal(SIGKILL);
}

void Trial::on_api_request(ApiRequestMessage request) {
  const std::string path = request.path.substr(0, request.path.find('?'));
  ApiAnswerMessage answer;
  answer.request = request.request;
  const auto scripted = std::find_if(
      request_.answers.begin(), request_.answers.end(), [&](const ScriptedAnswer& candidate) {
        return candidate.method == request.method && candidate.path == path;
      });
  std::string outcome;
  if (scripted != request_.answers.end()) {
    answer.status = scripted->status;
    answer.body = std::move(scripted->body);
    request_.answers.erase(scripted);
    outcome = std::to_string(answer.status) + " " + answer.body;
  } else {
    answer.status = 404;
    answer.body = json{{"status", 404}, {"message", path + " not found"}}.dump();
    outcome = "404, as no answer to it was given (--answers)";
  }
  std::string text = request.method + " " + request.path;
  if (!request.as_identity.empty()) text += " as " + request.as_identity;
  if (!request.body.empty()) text += "\n" + request.body;
  report_.tell("api", text + "\n→ " + outcome,
               {{"method", request.method},
                {"path", request.path},
                {"body", request.body},
                {"as", request.as_identity},
                {"status", answer.status}});
  host_.answer(std::move(answer));
}

void Trial::on_checkpoint(CheckpointMessage checkpoint) {
  report_.tell("checkpoint", checkpoint.text);
  checkpoint_ = std::move(checkpoint.text);
  ApiAnswerMessage kept;
  kept.request = checkpoint.request;
  kept.status = 200;
  host_.answer(std::move(kept));
}

int Trial::told_end(const HostRunEnd& end) {
  if (!stopped_because_.empty() && !end.result) {
    report_.tell("result", "stopped, because " + stopped_because_,
                 {{"state", "FAILED"}, {"text", "stopped, because " + stopped_because_}});
    return trial_failed;
  }
  if (!end.result) {
    report_.tell("result", "FAILED: " + end.breakdown,
                 {{"state", "FAILED"}, {"text", end.breakdown}});
    return trial_failed;
  }
  return told_result(*end.result);
}

int Trial::told_result(const ResultMessage& result) {
  const auto told = [&](const char* state, std::string text, int code) {
    if (!result.message.empty()) text += ": " + result.message;
    report_.tell("result", text,
                 {{"state", state},
                  {"return-code", result.return_code},
                  {"text", result.message},
                  {"retry-delay-ms", result.retry_delay_ms}});
    return code;
  };
  switch (result.outcome) {
    case JE_OUTCOME_RETURN_CODE:
      if (result.return_code == 0) return told("SUCCESS", "SUCCESS", trial_succeeded);
      return told("FAILED", "FAILED, return code " + std::to_string(result.return_code),
                  trial_failed);
    case JE_OUTCOME_LEFT_RUNNING:
      return told("RUNNING", "left RUNNING for somebody else to finish", trial_postponed);
    case JE_OUTCOME_RETRY_LATER:
      return told("QUEUED", "QUEUED again, to be retried later", trial_postponed);
    case JE_OUTCOME_SKIPPED:
      return told("SUCCESS", "SUCCESS, skipped", trial_succeeded);
    default:
      return told("FAILED", "FAILED", trial_failed);
  }
}

awaitable<int> try_with(asio::io_context& loop, HostProcess& host, TrialRequest request,
                        TrialReport& report, runtime::StopSignal& stop) {
  const Manifest manifest = chosen(host.actions(), request.action, request.plugin_file);
  const std::string complaint = complaint_about_payload(manifest, request.payload);
  if (!complaint.empty()) {
    report.tell("result",
                "FAILED, without being run: the payload is not what the schema of " +
                    manifest.name + " wants:\n" + complaint,
                {{"state", "FAILED"}, {"text", complaint}});
    co_return trial_failed;
  }
  Trial trial(loop, host, std::move(request), report, stop);
  co_return co_await trial.run(manifest);
}

}  // namespace

awaitable<int> try_action(asio::io_context& loop, HostCommand command, TrialRequest request,
                          TrialReport& report, runtime::StopSignal& stop) {
  std::string file = request.plugin_file;
  const auto host = co_await HostProcess::start(loop, std::move(command), std::move(file));
  int code = trial_failed;
  std::exception_ptr failure;
  try {
    code = co_await try_with(loop, *host, std::move(request), report, stop);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await host->close();
  if (failure) std::rethrow_exception(failure);
  co_return code;
}

}  // namespace jobengine::executor
