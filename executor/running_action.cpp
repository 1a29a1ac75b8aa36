#include "executor/running_action.hpp"

#include <jobengine/plugin_abi.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "common/runtime/crash_point.hpp"
#include "common/runtime/failure.hpp"
#include "common/telemetry/log.hpp"
#include "executor/hosts/shared_threads.hpp"
#include "executor/hosts/utf8.hpp"

namespace jobengine::executor {

namespace {

using runtime::Clock;

// For a checkpoint under way when its action has ended: the record is written again after it.
constexpr auto checkpoint_patience = std::chrono::seconds(5);

std::string time_text(runtime::Duration time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  if (ms % 1000 == 0) return std::to_string(ms / 1000) + " s";
  return std::to_string(ms) + " ms";
}

std::string with_output(std::string message, const std::string& output) {
  if (!output.empty()) message += "\nIts last output:\n" + output;
  return message;
}

ApiAnswerMessage answer_to(std::uint64_t request, const cimi::Reply& reply) {
  ApiAnswerMessage answer;
  answer.request = request;
  answer.status = reply.status;
  using Handler = nlohmann::json::error_handler_t;
  answer.body = reply.document.is_null() ? reply.message
                                         : reply.document.dump(-1, ' ', false, Handler::replace);
  return answer;
}

// Nothing wrong: empty.
std::string complaint_about(const ApiRequestMessage& request) {
  constexpr std::array methods = {"GET", "PUT", "POST", "DELETE", "PATCH"};
  if (std::find(methods.begin(), methods.end(), request.method) == methods.end()) {
    return "the method must be GET, PUT, POST, DELETE or PATCH, not \"" + request.method + "\"";
  }
  auto printable = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(),
                       [](unsigned char c) { return c >= 0x20 && c != 0x7f; });
  };
  const bool path_ok = !request.path.empty() && request.path.front() != '/' &&
                       printable(request.path) && request.path.find(' ') == std::string::npos;
  if (!path_ok) return "the path must be one below /api/, like \"job/1234\", percent-encoded";
  for (const auto& [name, value] : request.headers) {
    if (!printable(name) || !printable(value)) return "the header " + name + " is not printable";
  }
  if (!printable(request.as_identity)) return "the identity is not printable";
  return {};
}

// The action's thread waits for it; the host may have run other jobs since.
CheckpointWriter::Answer answer_through(std::weak_ptr<ActionHost> host) {
  return [host = std::move(host)](std::uint64_t request, const std::string& why) {
    const auto alive = host.lock();
    if (!alive) return;
    constexpr std::int32_t kept = 200;
    ApiAnswerMessage answer;
    answer.request = request;
    answer.status = why.empty() ? kept : 0;
    answer.body = why;
    alive->answer(std::move(answer));
  };
}

// Outlives the run when the API takes longer than the action lives.
awaitable<void> relay(cimi::Client& client, ApiRequestMessage asked,
                      std::weak_ptr<ActionHost> host) {
  const std::uint64_t number = asked.request;
  cimi::Request request;
  request.method = std::move(asked.method);
  request.path = std::move(asked.path);
  request.body = std::move(asked.body);
  request.content_type = std::move(asked.content_type);
  request.headers = std::move(asked.headers);
  if (!asked.as_identity.empty()) request.as = std::move(asked.as_identity);
  const cimi::Reply reply = co_await client.request(std::move(request));
  if (const auto alive = host.lock()) alive->answer(answer_to(number, reply));
}

}  // namespace

RunningAction::RunningAction(const Surroundings& surroundings, const Hold& hold, std::string job_id,
                             JobReport& report, StopOrder& order, std::string& etag,
                             std::shared_ptr<ActionHost> host)
    : client_(surroundings.client),
      background_(surroundings.background),
      limits_(surroundings.limits),
      log_(surroundings.log),
      hold_(hold),
      job_id_(std::move(job_id)),
      report_(report),
      order_(order),
      etag_(etag),
      host_(std::move(host)),
      tasks_(surroundings.loop.get_executor()),
      checkpoints_(std::make_shared<CheckpointWriter>(
          surroundings.attempts, surroundings.background, answer_through(host_))) {}

awaitable<ActionEnd> RunningAction::run(RunMessage message) {
  started_ = Clock::now();
  heard_ = started_;
  lease_sent_ = message.lease;
  action_ = message.action;
  log_.note_engine(
      "started on executor " + log_.executor() + ", attempt " + std::to_string(message.attempt),
      /*is_news=*/false);
  tasks_.spawn(supervise());
  tasks_.spawn(pass_on_report());
  HostListener& listener = *this;
  HostRunEnd end = co_await host_->run(std::move(message), listener);
  finished_.raise();
  co_await tasks_.join();
  co_await checkpoints_->close(checkpoint_patience);
  tell_stopped_end();
  end_log(end);
  co_return judge(std::move(end));
}

// ---- stopping

awaitable<void> RunningAction::supervise() {
  while (!finished_.raised()) {
    look_at_lease();
    look_at_time();
    const auto deadline = std::min(stop_harder(), Clock::now() + limits_.renewal);
    if (order_.why()) {
      co_await finished_.wait_until(deadline);
    } else {
      co_await runtime::Event::wait_either(finished_, order_.given(), deadline);
    }
  }
}

void RunningAction::look_at_lease() {
  const LeaseStamp lease = hold_.lease();
  const auto margin = std::chrono::nanoseconds(hold_.margin()).count();
  const bool ending = lease != 0 && lease - lease_clock_now() <= margin;
  if (!hold_.holds()) {
    // Somebody else may have the job already: no time to ask.
    order_.give(ActionEnd::Kind::LeaseLost, "the lease has run out");
    if (!host_->can_be_killed()) {
      end_executor("the lease of " + job_id_ + " is lost, and its shared action " + action_ +
                   " still runs");
    }
    if (pressure_ != Pressure::Killed) press(SIGKILL);
    pressure_ = Pressure::Killed;
    next_step_ = runtime::TimePoint::max();
  } else if (ending) {
    if (order_.why() != ActionEnd::Kind::LeaseLost) {
      order_.give(ActionEnd::Kind::LeaseLost, "the lease has run out");
      // The host ends itself when its lease does; this is for the group it may have left behind.
      next_step_ = Clock::now();
    }
  } else if (lease != lease_sent_) {
    host_->renew_lease(lease);
    lease_sent_ = lease;
  }
}

void RunningAction::look_at_time() {
  const auto now = Clock::now();
  const auto none = runtime::Duration::zero();
  // That it waits for us is no silence of its own.
  if (checkpoints_->busy()) heard_ = now;
  if (limits_.timeout != none && now - started_ >= limits_.timeout) {
    order_.give(ActionEnd::Kind::TimedOut,
                "The action was stopped after its limit of " + time_text(limits_.timeout));
  } else if (limits_.idle_timeout != none && now - heard_ >= limits_.idle_timeout) {
    order_.give(ActionEnd::Kind::TimedOut, "The action was stopped after it was silent for " +
                                               time_text(limits_.idle_timeout));
  }
}

// Asks, then terminates, then kills; returns when to come again.
runtime::TimePoint RunningAction::stop_harder() {
  if (!order_.why()) return runtime::TimePoint::max();
  const auto now = Clock::now();
  const bool lease_lost = order_.why() == ActionEnd::Kind::LeaseLost;
  switch (pressure_) {
    case Pressure::None:
      host_->ask_to_stop();
      note_engine_line("asked to stop: " + order_.message());
      asked_ = now;
      pressure_ = Pressure::Asked;
      next_step_ = now + (lease_lost ? hold_.margin() / 2 : limits_.stop_grace);
      break;
    case Pressure::Asked:
      if (now < next_step_) break;
      press(SIGTERM);
      pressure_ = Pressure::Terminated;
      next_step_ = now + (lease_lost ? hold_.margin() / 2 : limits_.kill_grace);
      break;
    case Pressure::Terminated:
      if (now < next_step_) break;
      press(SIGKILL);
      pressure_ = Pressure::Killed;
      next_step_ = runtime::TimePoint::max();
      break;
    case Pressure::Killed:
      break;
  }
  return next_step_;
}

// An action in a thread can only be asked; what it makes of that is told.
void RunningAction::press(int signal) {
  if (host_->can_be_killed()) {
    host_->signal(signal);
    note_engine_line(signal == SIGKILL ? "killed (SIGKILL)" : "SIGTERM sent");
    return;
  }
  log_.note_engine("ignores the request to stop since " + time_text(Clock::now() - asked_) +
                   "; in a thread of the executor it cannot be killed");
  telemetry::warning("a shared action ignores the stop request; it cannot be killed",
                     {{"job", job_id_},
                      {"action", action_},
                      {"asked-because", order_.message()},
                      {"asked-ago", time_text(Clock::now() - asked_)}});
  if (signal == SIGKILL) host_->count_as_stuck();
}

// Its first grace passed.
bool RunningAction::ignored_stop() const {
  return !host_->can_be_killed() && pressure_ != Pressure::None && pressure_ != Pressure::Asked;
}

std::string RunningAction::how_it_ended() const {
  switch (pressure_) {
    case Pressure::None:
      return "it ended by itself";
    case Pressure::Asked:
      return "it ended when asked";
    case Pressure::Terminated:
      return "it ended after SIGTERM";
    case Pressure::Killed:
      return "it had to be killed (SIGKILL)";
  }
  JE_CHECK(false, "a known pressure");
}

// The record of a job that somebody else has ended cannot say it.
void RunningAction::tell_stopped_end() {
  if (ignored_stop()) {
    tell_late_end();
  } else if (order_.why() && pressure_ != Pressure::None) {
    note_engine_line("stopped: " + how_it_ended());
  }
}

void RunningAction::note_engine_line(std::string line) {
  log_.note_engine(line);
  telemetry::info(line, {{"job", job_id_}, {"action", action_}, {"from", "engine"}});
}

void RunningAction::tell_late_end() const {
  telemetry::warning(
      "a shared action that ignored the stop request has ended",
      {{"job", job_id_}, {"action", action_}, {"asked-ago", time_text(Clock::now() - asked_)}});
}

void RunningAction::end_log(const HostRunEnd& end) {
  // After a signal of ours its end breaks no promise.
  const bool ours = pressure_ == Pressure::Terminated || pressure_ == Pressure::Killed;
  std::string how =
      ours ? "its process has ended" : end.breakdown.substr(0, end.breakdown.find('\n'));
  if (end.result) {
    how = "the action returned " + std::to_string(end.result->return_code);
    const std::string& message = end.result->message;
    if (!message.empty()) how += ", saying: " + message.substr(0, message.find('\n'));
  }
  log_.end(how, /*is_news=*/!end.result || pressure_ != Pressure::None);
}

ActionEnd RunningAction::judge(HostRunEnd end) const {
  ActionEnd made;
  // Never asked to stop, it has ended by itself: what the order was given for is over.
  const bool in_time =
      end.result && pressure_ == Pressure::None && order_.why() == ActionEnd::Kind::Drained;
  if (order_.why() && !in_time) {
    made.kind = *order_.why();
    made.message = order_.message();
    if (ignored_stop()) {
      made.message += "; it ignored the request to stop and ended by itself " +
                      time_text(Clock::now() - asked_) +
                      " later, as an action of isolation shared cannot be killed";
    }
    if (made.kind == ActionEnd::Kind::TimedOut) {
      if (!ignored_stop()) made.message += ": " + how_it_ended();
      made.message = with_output(std::move(made.message), end.output);
    }
    return made;
  }
  if (!end.result) {
    made.kind = ActionEnd::Kind::Crashed;
    made.message = with_output(std::move(end.breakdown), end.output);
    return made;
  }
  made.return_code = end.result->return_code;
  made.message = std::move(end.result->message);
  made.retry_delay = std::chrono::milliseconds(end.result->retry_delay_ms);
  switch (end.result->outcome) {
    case JE_OUTCOME_RETURN_CODE:
      made.kind = ActionEnd::Kind::Returned;
      break;
    case JE_OUTCOME_FAILED:
      made.kind = ActionEnd::Kind::BrokeOff;
      break;
    case JE_OUTCOME_LEFT_RUNNING:
      made.kind = ActionEnd::Kind::LeftRunning;
      break;
    case JE_OUTCOME_RETRY_LATER:
      made.kind = ActionEnd::Kind::RetryLater;
      break;
    case JE_OUTCOME_SKIPPED:
      made.kind = ActionEnd::Kind::Skipped;
      break;
    case outcome_broken:
      made.kind = ActionEnd::Kind::Crashed;
      made.message = with_output(std::move(made.message), end.output);
      break;
    default:
      made.kind = ActionEnd::Kind::BrokeOff;
      made.message = "The action ended with the unknown outcome " +
                     std::to_string(end.result->outcome) + ": " + made.message;
  }
  return made;
}

// ---- what the action says

bool RunningAction::job_is_over() const {
  const auto why = order_.why();
  return why == ActionEnd::Kind::Canceled || why == ActionEnd::Kind::JobGone;
}

// At most one edit in flight, and about one a second, however much the action says.
awaitable<void> RunningAction::pass_on_report() {
  while (!finished_.raised()) {
    co_await runtime::Event::wait_either(report_changed_, finished_, runtime::TimePoint::max());
    if (finished_.raised()) break;
    report_changed_.reset();
    if (report_.empty() || !hold_.holds() || job_is_over()) continue;
    nlohmann::json edit = report_.take();
    nlohmann::json sent = edit;
    // A late edit of a run that has lost its lock meets the next run's changes.
    cimi::EditOptions options;
    options.if_match = etag_;
    options.wants_document = false;
    JE_CRASH_POINT("executor.report.before");
    const cimi::Reply reply = co_await client_.edit(job_id_, std::move(sent), std::move(options));
    JE_CRASH_POINT("executor.report.after");
    switch (reply.kind) {
      case cimi::ReplyKind::Ok:
        etag_ = reply.etag;
        break;
      case cimi::ReplyKind::Conflict:
        order_.give(ActionEnd::Kind::Canceled, reply.message);
        break;
      case cimi::ReplyKind::NotFound:
        order_.give(ActionEnd::Kind::JobGone, reply.message);
        break;
      case cimi::ReplyKind::PreconditionFailed:
        report_.give_back(edit);
        report_changed_.raise();
        // Read before the lease is looked at again: what is newer than that look is not ours.
        co_await learn_etag();
        break;
      case cimi::ReplyKind::Unavailable:
      case cimi::ReplyKind::Unreachable:
        report_.give_back(edit);
        report_changed_.raise();
        break;
      case cimi::ReplyKind::Refused:
      case cimi::ReplyKind::Invalid:
        telemetry::warning("the API does not take what an action reports",
                           {{"job", job_id_}, {"error", reply.message}});
        break;
    }
    co_await finished_.wait_for(limits_.report_pace);
  }
}

// Somebody has changed the job meanwhile, or an edit of ours was applied whose answer was lost.
awaitable<void> RunningAction::learn_etag() {
  cimi::Reply looked = co_await client_.get(job_id_);
  if (looked.ok()) etag_ = std::move(looked.etag);
}

void RunningAction::heard_of() {
  heard_ = Clock::now();
}

void RunningAction::on_progress(int percent) {
  heard_of();
  report_.note_progress(percent);
  report_changed_.raise();
}

void RunningAction::on_status(std::string text) {
  heard_of();
  report_.note_status(std::move(text));
  report_changed_.raise();
}

void RunningAction::on_affected_resource(std::string href) {
  heard_of();
  report_.note_affected_resource(href);
  report_changed_.raise();
}

// Warnings and errors are for operators too; the rest is in the job's log, if there is one.
void RunningAction::on_log(int level, std::string line) {
  heard_of();
  if (!log_.note(LogStream::Log, line, level) && log_.shipped()) return;
  using telemetry::Level;
  constexpr std::array levels = {Level::Debug, Level::Info, Level::Warning, Level::Error};
  const auto index = static_cast<std::size_t>(std::clamp(level, 0, 3));
  Level shown = levels.at(index);
  if (shown == Level::Info && log_.shipped()) shown = Level::Debug;
  if (telemetry::logs(shown)) {
    telemetry::log(shown, as_utf8(line), {{"job", job_id_}, {"from", "action"}});
  }
}

void RunningAction::on_output(OutputStream stream, std::string_view line) {
  heard_of();
  const bool to_stdout = stream == OutputStream::Stdout;
  const bool kept = log_.note(to_stdout ? LogStream::Stdout : LogStream::Stderr, line);
  // Where no log is sent, the executor's has the lines; in no case those beyond the limit.
  if (!kept && log_.shipped()) return;
  if (!telemetry::logs(telemetry::Level::Debug)) return;
  telemetry::debug(
      "an action printed",
      {{"job", job_id_}, {"stream", to_stdout ? "stdout" : "stderr"}, {"line", as_utf8(line)}});
}

void RunningAction::refuse_request(std::uint64_t number, const std::string& why) {
  ApiAnswerMessage answer;
  answer.request = number;
  answer.body = why;
  host_->answer(std::move(answer));
}

void RunningAction::on_api_request(ApiRequestMessage request) {
  if (const std::string complaint = complaint_about(request); !complaint.empty()) {
    refuse_request(request.request, complaint);
  } else if (!hold_.holds()) {
    refuse_request(request.request, "not sent: the lease of the job has run out");
  } else {
    background_.spawn(relay(client_, std::move(request), host_));
  }
}

void RunningAction::on_checkpoint(CheckpointMessage checkpoint) {
  heard_of();
  checkpoints_->save(checkpoint.request, std::move(checkpoint.text));
}

}  // namespace jobengine::executor
