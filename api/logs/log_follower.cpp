#include "api/logs/log_follower.hpp"

#include <algorithm>

#include "api/access/acl.hpp"
#include "api/cimi/answers.hpp"
#include "api/cimi/cimi_error.hpp"
#include "api/logs/logged_job.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api::logs {
namespace {

constexpr std::size_t bytes_at_once = 128UL * 1024;

std::string event_text(const char* name, std::int64_t position, const std::string& data) {
  return "id: " + std::to_string(position) + "\nevent: " + name + "\ndata: " + data + "\n\n";
}

}  // namespace

LogFollower::LogFollower(const events::StreamWorld& world, FollowRequest request)
    : Stream(world, request.who),
      request_(std::move(request)),
      query_(request_.query),
      last_line_(runtime::TimePoint::min()) {
  query_.counted = false;
}

awaitable<bool> LogFollower::open() {
  events::Interest interest;
  interest.ids = {request_.query.job, store::log_id(request_.query.job)};
  co_await begin(std::move(interest));
  const auto job = co_await look_at_job();
  if (job == Job::Gone) throw cimi::not_found(request_.query.job);
  if (job == Job::Hidden) throw cimi::forbidden(request_.query.job);
  if (query_.from) query_.most_lines = 1;
  const auto page = co_await world_.store.read_log(query_);
  if (!query_.from) query_.from = page.lines.empty() ? page.next : page.lines.front().position;
  query_.most_lines = static_cast<std::int64_t>(most_lines);
  query_.most_bytes = bytes_at_once;
  fall_behind();
  const bool over = job == Job::Final && runtime::Clock::now() >= next_look();
  co_return !(request_.resumed && over && page.lines.empty());
}

awaitable<LogFollower::Job> LogFollower::look_at_job() {
  const auto job = co_await logged_job(world_.store, request_.query.job);
  if (!job) co_return Job::Gone;
  if (!access::allows(job->acl, who_, access::Right::ViewData)) co_return Job::Hidden;
  if (!job->ended) co_return Job::Going;
  if (final_since_) co_return Job::Final;
  const auto ago = std::max(cimi::wall_now() - *job->ended, std::chrono::milliseconds(0));
  final_since_ = runtime::Clock::now() - ago;
  co_return Job::Final;
}

runtime::TimePoint LogFollower::next_look() const {
  if (!final_since_) return runtime::TimePoint::max();
  return std::max(*final_since_, last_line_) + request_.quiet;
}

awaitable<bool> LogFollower::catch_up(runtime::Event& /*over*/) {
  std::string trouble;
  auto job = Job::Hidden;
  store::LogPage page;
  try {
    job = co_await look_at_job();
    page = co_await world_.store.read_log(query_);
  } catch (const std::exception& failure) {
    trouble = failure.what();
  }
  if (!trouble.empty()) {
    telemetry::warning("the log of a job is followed no more: it cannot be read",
                       {{"job", request_.query.job}, {"error", trouble}});
    co_return false;
  }
  if (job == Job::Hidden) co_return false;
  auto text = text_of(page, job);
  if (!text.empty()) ahead_.push_back(std::move(text));
  present_known();
  if (page.more && !ended_) fall_behind();
  co_return true;
}

std::string LogFollower::text_of(const store::LogPage& page, Job job) {
  std::string text;
  const auto next = job == Job::Gone ? *query_.from : page.next;
  const auto where = "\"next\":" + std::to_string(next) + "}";
  query_.from = next;
  if (!page.lines.empty()) {
    text = event_text("lines", next, "{\"lines\":" + lines_text(page) + "," + where);
    if (caught_up_) last_line_ = runtime::Clock::now();
    world_.sent(1);
  }
  caught_up_ = caught_up_ || !page.more;
  const bool quiet = !page.more && runtime::Clock::now() >= next_look();
  if (job != Job::Gone && !quiet) return text;
  const std::string reason = job == Job::Gone ? "deleted" : "final";
  text += event_text("end", next, "{\"reason\":\"" + reason + "\"," + where);
  world_.sent(1);
  ended_ = true;
  return text;
}

}  // namespace jobengine::api::logs
