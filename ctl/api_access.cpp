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

constexpr auto patience = std::chrono::minutes(1);

// Shows how the job is; true when it is final.
bool show(Progress& progress, const nlohmann::json& document) {
  const job::Job seen(document);
  const auto state = seen.state();
  std::string text = attribute(seen.document(), "state");
  if (!seen.status_message().empty()) text += "  " + seen.status_message();
  progress.show(seen.progress(), text);
  return state && job::is_final(*state);
}

// For servers that do not tell of changes.
awaitable<nlohmann::json> follow_by_asking(cimi::Client& client, std::string id,
                                           runtime::Event& stop, Progress& progress) {
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
    auto document = expect_ok(std::move(reply)).document;
    last_answer = runtime::Clock::now();
    if (show(progress, document)) co_return document;
    co_await runtime::pause(pace.next(), stop);
  }
  co_return nlohmann::json();
}

// Until the stream says that the job is final or gone (true), or ends before (false).
awaitable<bool> follow_stream(cimi::EventStream& stream, runtime::Event& stop, Progress& progress) {
  while (true) {
    const auto step = co_await stream.next(stop);
    if (step.kind != cimi::StreamStep::Kind::Event) co_return false;
    if (step.event.name == "deleted") co_return true;
    const auto told = nlohmann::json::parse(step.event.data, nullptr, /*allow_exceptions=*/false);
    if (told.is_object() && show(progress, told)) co_return true;
  }
}

}  // namespace

awaitable<nlohmann::json> follow(cimi::Client& client, std::string id, runtime::Event& stop) {
  const std::string path = id + "/events";
  Progress progress;
  runtime::Backoff pace(looks());
  auto last_answer = runtime::Clock::now();
  bool done = false;
  while (!done && !stop.raised()) {
    const auto opened = co_await client.open_events(path, std::string());
    if (opened.stream) {
      done = co_await follow_stream(*opened.stream, stop, progress);
      last_answer = runtime::Clock::now();
    } else if (opened.reply.kind != cimi::ReplyKind::Unreachable ||
               runtime::Clock::now() >= last_answer + patience) {
      break;
    }
    if (!done) co_await runtime::pause(pace.next(), stop);
  }
  // The whole job, which was not told; or whatever there is to say.
  auto document = co_await follow_by_asking(client, std::move(id), stop, progress);
  co_return document;
}

}  // namespace jobengine::ctl
