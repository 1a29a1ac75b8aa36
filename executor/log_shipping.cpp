#include "executor/log_shipping.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/telemetry/log.hpp"

namespace jobengine::executor {

namespace {

using nlohmann::json;
using runtime::Clock;

// Slower answers help nobody: the lines are kept and sent again.
constexpr auto request_limit = std::chrono::seconds(10);

constexpr int most_refusals = 5;  // of one run, in a row

constexpr const char* dropped_help = "Lines of job logs that are lost, by reason";

WallTime wall_now() {
  return std::chrono::system_clock::now();
}

cimi::Request append_request(const LoggedRun& run, const LogBatch& batch) {
  cimi::Request request;
  request.method = "POST";
  request.path = run.job_id + "/logs";
  request.body = R"({"attempt":)" + std::to_string(run.attempt) + R"(,"first":)" +
                 std::to_string(batch.first) + R"(,"lines":)" + batch.json + "}";
  return request;
}

std::optional<std::int64_t> next_in(const json& document) {
  if (!document.is_object()) return std::nullopt;
  const auto next = document.find("next");
  if (next == document.end() || !next->is_number_integer()) return std::nullopt;
  const auto number = next->get<std::int64_t>();
  return number < 0 ? std::nullopt : std::optional<std::int64_t>(number);
}

bool is_capped(const json& document) {
  const auto capped = document.find("capped");
  return capped != document.end() && capped->is_boolean() && capped->get<bool>();
}

// An API without logs answers 404 too, but does not say that of the job.
bool misses_job(const cimi::Reply& reply, const std::string& job_id) {
  return reply.message.find(job_id + " not found") != std::string::npos;
}

}  // namespace

// ---- one run

RunLog::RunLog(LogShipping& shipping, LoggedRun run)
    : shipping_(shipping),
      run_(std::move(run)),
      log_(shipping.options().limit),
      begun_(!run_.maybe_continued),
      batch_bytes_(shipping.options().batch_bytes) {
  if (shipping_.silent()) log_.give_up();
}

const std::string& RunLog::executor() const {
  return shipping_.options().executor;
}

bool RunLog::note(LogStream stream, std::string_view text, int level) {
  const bool kept = log_.note(stream, text, wall_now(), level);
  if (!under_way_ && log_.has_news()) send_soon();
  return kept;
}

void RunLog::note_engine(std::string_view text, bool is_news) {
  log_.note_engine(text, wall_now(), is_news);
  if (!under_way_ && log_.has_news()) send_soon();
}

void RunLog::end(std::string_view how, bool is_news) {
  if (ended_.raised()) return;
  log_.finish(wall_now());
  note_engine(how, is_news);
  ended_.raise();
  give_up_at_ = Clock::now() + shipping_.options().patience;
  if (shipping_.held_ + log_.held() > shipping_.options().most_held) log_.give_up();
  shipping_.account(*this);
}

void RunLog::send_soon() {
  under_way_ = true;
  shipping_.background_.spawn(shipping_.ship(shared_from_this()));
}

// ---- all runs

LogShipping::LogShipping(cimi::Client& client, runtime::TaskGroup& background,
                         telemetry::Metrics& metrics, LogOptions options)
    : client_(client),
      background_(background),
      options_(std::move(options)),
      lines_(metrics.counter("jobengine_executor_log_lines_total",
                             "Lines of job logs that the API has kept")),
      bytes_(
          metrics.counter("jobengine_executor_log_bytes_total", "Bytes of these lines, as JSON")),
      over_limit_(metrics.counter("jobengine_executor_log_dropped_lines_total", dropped_help,
                                  {{"reason", "limit"}})),
      not_taken_(metrics.counter("jobengine_executor_log_dropped_lines_total", dropped_help,
                                 {{"reason", "api"}})) {}

std::shared_ptr<RunLog> LogShipping::open(LoggedRun run) {
  return std::make_shared<RunLog>(*this, std::move(run));
}

void LogShipping::end_within(runtime::Duration limit) {
  closing_until_ = std::min(closing_until_, Clock::now() + limit);
  closing_.raise();
}

// Ends when there is nothing to send: a run that says nothing costs nothing.
awaitable<void> LogShipping::ship(std::shared_ptr<RunLog> run) {
  runtime::Backoff backoff(options_.retries);
  while (run->log_.has_news()) {
    co_await run->ended_.wait_for(options_.pace);
    Verdict verdict = co_await send_next(run);
    const bool over = Clock::now() >= std::min(run->give_up_at_, closing_until_);
    if (verdict == Verdict::Wait && over) verdict = Verdict::GiveUp;
    if (verdict == Verdict::GiveUp) run->log_.give_up();
    account(*run);
    if (verdict == Verdict::GoOn) backoff.reset();
    if (verdict == Verdict::Wait) {
      const runtime::Duration pause = backoff.next();
      co_await wait_before_retry(pause);
    }
  }
  run->under_way_ = false;
}

awaitable<void> LogShipping::wait_before_retry(runtime::Duration pause) {
  if (!closing_.raised()) {
    co_await closing_.wait_for(pause);
    co_return;
  }
  constexpr runtime::Duration hurried = std::chrono::milliseconds(200);
  runtime::Event never;
  co_await never.wait_for(std::min(pause, hurried));
}

awaitable<LogShipping::Verdict> LogShipping::send_next(std::shared_ptr<RunLog> run) {
  while (requests_ >= options_.most_requests) {
    if (Clock::now() >= closing_until_) co_return Verdict::Wait;
    request_ended_.reset();
    co_await request_ended_.wait_until(closing_until_);
  }
  LogBatch batch;
  batch.json = "[]";
  if (run->begun_) batch = run->log_.next_batch(run->batch_bytes_);
  cimi::Request request = append_request(run->run_, batch);
  request.deadline = std::min(Clock::now() + request_limit, closing_until_);
  ++requests_;
  const cimi::Reply reply = co_await client_.request(std::move(request));
  --requests_;
  request_ended_.raise();
  co_return judge(*run, batch, reply);
}

LogShipping::Verdict LogShipping::judge(RunLog& run, const LogBatch& batch,
                                        const cimi::Reply& reply) {
  switch (reply.kind) {
    case cimi::ReplyKind::Ok:
      return kept(run, batch, reply);
    case cimi::ReplyKind::Conflict:
      return missing_lines(run, batch, reply);
    case cimi::ReplyKind::NotFound:
      return misses_job(reply, run.run_.job_id) ? Verdict::GiveUp : be_silent(reply);
    case cimi::ReplyKind::Invalid:
      return not_accepted(run, batch, reply);
    case cimi::ReplyKind::Refused:
    case cimi::ReplyKind::PreconditionFailed:
      telemetry::warning("the API does not take the log of a job",
                         {{"job", run.run_.job_id}, {"error", reply.message}});
      return Verdict::GiveUp;
    case cimi::ReplyKind::Unavailable:
    case cimi::ReplyKind::Unreachable:
      return Verdict::Wait;
  }
  return Verdict::Wait;
}

LogShipping::Verdict LogShipping::kept(RunLog& run, const LogBatch& batch,
                                       const cimi::Reply& reply) {
  const auto next = next_in(reply.document);
  if (!next) return be_silent(reply);
  heard_ = true;
  run.refusals_ = 0;
  if (!run.begun_) {
    run.begun_ = true;
    run.log_.renumber(*next);
    return Verdict::GoOn;
  }
  if (*next < batch.first + static_cast<std::int64_t>(batch.lines)) return Verdict::Wait;
  run.log_.kept(batch, *next);
  return is_capped(reply.document) ? Verdict::GiveUp : Verdict::GoOn;
}

// Lines that were kept once are gone: a job of the same id anew, a store of yesterday.
LogShipping::Verdict LogShipping::missing_lines(RunLog& run, const LogBatch& batch,
                                                const cimi::Reply& reply) {
  const auto next = next_in(reply.document);
  if (!next) return Verdict::GiveUp;
  if (*next == batch.first) return Verdict::Wait;
  run.log_.renumber(*next);
  return ++run.refusals_ > most_refusals ? Verdict::GiveUp : Verdict::GoOn;
}

// Too much at once, or something in it.
LogShipping::Verdict LogShipping::not_accepted(RunLog& run, const LogBatch& batch,
                                               const cimi::Reply& reply) {
  constexpr int method_not_allowed = 405;
  if (reply.status == method_not_allowed || !run.begun_) return be_silent(reply);
  if (++run.refusals_ > most_refusals) {
    if (!heard_) return be_silent(reply);
    telemetry::warning("the API does not take the log of a job",
                       {{"job", run.run_.job_id}, {"error", reply.message}});
    return Verdict::GiveUp;
  }
  constexpr std::size_t divisor = 16;
  run.batch_bytes_ /= divisor;
  if (batch.lines == 1) run.log_.drop_first();
  return Verdict::GoOn;
}

LogShipping::Verdict LogShipping::be_silent(const cimi::Reply& reply) {
  if (!silent()) {
    const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(options_.silence);
    telemetry::info("the API keeps no job logs; the last lines go into the jobs",
                    {{"error", reply.message}, {"asked_again_after_minutes", minutes.count()}});
  }
  silent_until_ = Clock::now() + options_.silence;
  return Verdict::GiveUp;
}

void LogShipping::account(RunLog& run) {
  const std::size_t held = run.ended_.raised() ? run.log_.held() : 0;
  held_ = held_ - run.held_ + held;
  run.held_ = held;
  const LogFigures& now = run.log_.figures();
  const auto add = [](telemetry::Counter& counter, std::uint64_t count, std::uint64_t counted) {
    if (count > counted) counter.add(static_cast<double>(count - counted));
  };
  add(lines_, now.kept_lines, run.counted_.kept_lines);
  add(bytes_, now.kept_bytes, run.counted_.kept_bytes);
  add(over_limit_, now.over_limit, run.counted_.over_limit);
  add(not_taken_, now.not_taken, run.counted_.not_taken);
  run.counted_ = now;
}

}  // namespace jobengine::executor
