#include "ctl/api_access.hpp"

#include "common/job/job.hpp"
#include "common/program/program.hpp"
#include "common/runtime/backoff.hpp"
#include "common/runtime/failure.hpp"
#include "ctl/progress.hpp"
#include "ctl/times.hpp"

namespace jobengine::ctl {

awaitable<std::unique_ptr<cimi::Client>> open_api(asio::io_context& loop, const Context& context) {
  auto client = cimi::make_http_client(loop, program::client_options(context.settings));
  auto reply = co_await cimi::log_in(*client);
  expect_ok(std::move(reply));
  co_return client;
}

cimi::Reply expect_ok(cimi::Reply reply) {
  if (reply.kind == cimi::ReplyKind::Unreachable) {
    reply.message +=
        "\nIs job-api running there? --api-url or JOB_API_URL says where it is, and `jobctl dev` "
        "starts one.";
  }
  if (reply.status == 403 && reply.message.find("credentials required") != std::string::npos) {
    reply.message +=
        "\nWho are you? --api-user with --api-pass-file, or --api-key with --api-secret-file.";
  }
  if (!reply.ok()) throw runtime::Failure(reply.message);
  return reply;
}

std::string attribute(const nlohmann::json& document, const char* name) {
  const auto found = document.find(name);
  if (found == document.end() || found->is_null()) return "";
  return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string run_time(const nlohmann::json& job) {
  const auto started = parse_timestamp(attribute(job, "started"));
  if (!started) return "";
  const auto state = job::parse_job_state(attribute(job, "state"));
  const auto updated = parse_timestamp(attribute(job, "updated"));
  const bool ended = state && job::is_final(*state) && updated;
  return duration_text((ended ? *updated : wall_now()) - *started);
}

int exit_code_of(const nlohmann::json& job) {
  const auto state = job::parse_job_state(attribute(job, "state"));
  if (state == job::JobState::Success) return program::exit_ok;
  return state == job::JobState::Canceled ? exit_job_canceled : exit_job_failed;
}

namespace {

// Close together at first, since many jobs are short, and once a second in the end.
runtime::BackoffLimits looks() {
  runtime::BackoffLimits limits;
  limits.first = std::chrono::milliseconds(50);
  limits.longest = std::chrono::seconds(1);
  limits.factor = 1.3;
  limits.jitter = 0;
  return limits;
}

}  // namespace

awaitable<nlohmann::json> follow(cimi::Client& client, std::string id, runtime::Event& stop) {
  constexpr auto patience = std::chrono::minutes(1);
  Progress progress;
  runtime::Backoff pace(looks());
  auto last_answer = runtime::Clock::now();
  while (!stop.raised()) {
    auto reply = co_await client.get(id);
    const bool away =
        reply.kind == cimi::ReplyKind::Unreachable || reply.kind == cimi::ReplyKind::Unavailable;
    if (away && runtime::Clock::now() < last_answer + patience) {
      co_await runtime::pause(pace.next(), stop);
      continue;
    }
    const job::Job seen(expect_ok(std::move(reply)).document);
    last_answer = runtime::Clock::now();
    const auto state = seen.state();
    std::string text = attribute(seen.document(), "state");
    if (!seen.status_message().empty()) text += "  " + seen.status_message();
    progress.show(seen.progress(), text);
    if (state && job::is_final(*state)) co_return seen.document();
    co_await runtime::pause(pace.next(), stop);
  }
  co_return nlohmann::json();
}

}  // namespace jobengine::ctl
