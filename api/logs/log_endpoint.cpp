#include "api/logs/log_endpoint.hpp"

#include "api/access/acl.hpp"
#include "api/cimi/answers.hpp"
#include "api/cimi/cimi_error.hpp"
#include "api/logs/log_follower.hpp"
#include "api/logs/log_request.hpp"
#include "api/logs/logged_job.hpp"

namespace jobengine::api::logs {
namespace {

using cimi::Call;
using cimi::CimiError;
using nlohmann::json;

json next_schema() {
  json schema = {{"type", "object"}};
  schema["properties"]["next"] = {{"type", "integer"},
                                  {"description", "The number of the line that comes next."}};
  schema["properties"]["capped"] = {
      {"type", "boolean"},
      {"description", "The log has reached its limit: nothing more will be kept."}};
  schema["required"] = json::array({"next"});
  return schema;
}

json gap_schema() {
  json schema = next_schema();
  schema["properties"].erase("capped");
  schema["properties"]["status"] = {{"type", "integer"}};
  schema["properties"]["message"] = {{"type", "string"}};
  schema["properties"]["resource-id"] = {{"type", "string"}};
  return schema;
}

cimi::OperationDescription appending() {
  cimi::OperationDescription append;
  append.name = "logs";
  append.id = "append-logs";
  append.text =
      "Adds lines to the log of the job, in every state of it. Lines that are there already are "
      "not added again.";
  append.who = "edit-meta, edit-data or edit-acl right";
  append.request = append_schema();
  append.request_required = true;
  append.answers = {{200, "The lines are kept.", next_schema()},
                    {409, "Lines are missing between `next` and `first`.", gap_schema()}};
  return append;
}

cimi::OperationDescription reading() {
  cimi::OperationDescription read;
  read.name = "logs";
  read.method = "get";
  read.text = "Gives lines of the job's log; as text/event-stream it follows the log to its end.";
  read.who = "view-data right";
  const json text = {{"type", "string"}};
  json number = {{"type", "integer"}, {"minimum", 0}, {"maximum", largest_number}};
  json attempt = number;
  attempt["minimum"] = 1;
  json last = {{"type", "integer"}, {"minimum", 0}, {"maximum", most_lines}};
  last["default"] = usual_lines;
  json stream = text;
  stream["enum"] = store::log_stream_names;
  read.parameters = {
      {"attempt", "Only lines of this attempt", attempt},
      {"stream", "Only lines of this stream", stream},
      {"from", "The first lines from this position on, instead of the newest", number},
      {"last", "How many lines at most", last},
      {"Last-Event-ID", "Of a stream: the id of the last event that was received", text, "header"},
  };
  cimi::AnswerDescription followed;
  followed.text = "The stream.";
  followed.schema = text;
  followed.content_type = "text/event-stream";
  cimi::AnswerDescription over;
  over.status = 204;
  over.text = "Nothing will follow on the event of Last-Event-ID.";
  read.answers = {{200, "Lines.", page_schema()}, std::move(followed), std::move(over)};
  return read;
}

http::Response gap_response(const store::LogAppend& append, std::int64_t next) {
  const CimiError error(409,
                        "lines are missing: the next line of attempt " +
                            std::to_string(append.attempt) + " is " + std::to_string(next) +
                            ", these begin at " + std::to_string(append.first),
                        append.job);
  auto response = cimi::error_response(error);
  auto body = json::parse(response.body);
  body["next"] = next;
  response.body = cimi::json_text(body);
  return response;
}

}  // namespace

LogEndpoint::LogEndpoint(store::Store& store, events::EventEndpoints& events,
                         telemetry::Metrics& metrics, LogOptions options)
    : store_(store),
      events_(events),
      lines_(metrics.counter("jobengine_api_log_lines_total", "Lines added to the logs of jobs")),
      full_(metrics.counter("jobengine_api_logs_full_total",
                            "Logs of jobs that have reached --job-log-limit")),
      options_(options) {}

void LogEndpoint::offer_to(cimi::Service& service) {
  cimi::ResourceEndpoint logs = [this](cimi::Collection& /*jobs*/, Call call) {
    return answer(std::move(call));
  };
  service.offer("job", {reading(), appending()}, std::move(logs));
}

awaitable<http::Response> LogEndpoint::answer(Call call) {
  if (call.method == "POST") return append(std::move(call));
  if (call.method != "GET" && call.method != "HEAD") throw cimi::method_not_allowed(call);
  const bool stream = call.accept.find("text/event-stream") != std::string::npos;
  return stream ? follow(std::move(call)) : read(std::move(call));
}

awaitable<http::Response> LogEndpoint::append(Call call) {
  const auto id = call.route.resource_id();
  const auto job = co_await logged_job(store_, id);
  if (!job) throw cimi::not_found(id);
  if (!access::may_edit(job->acl, call.who)) throw cimi::forbidden(id);
  if (options_.limit == 0) throw CimiError(405, "no logs are kept here (--job-log-limit 0)", id);
  auto lines = read_append(call.body, id);
  call.body = nullptr;
  lines.limit = options_.limit;
  lines.notice = limit_notice(options_.limit, cimi::wall_now());
  const store::LogAppend request = {id, lines.attempt, lines.first, {}, 0, {}};
  const auto appended = co_await store_.append_log(std::move(lines));
  using Outcome = store::LogAppended::Outcome;
  if (appended.outcome == Outcome::NoJob) throw cimi::not_found(id);
  if (appended.outcome == Outcome::Gap) co_return gap_response(request, appended.next);
  lines_.add(static_cast<double>(appended.added));
  if (appended.full && appended.added > 0) full_.add();
  json body = {{"next", appended.next}};
  if (appended.full) body["capped"] = true;
  co_return cimi::document_response(body);
}

awaitable<http::Response> LogEndpoint::read(Call call) {
  const auto id = call.route.resource_id();
  auto query = read_query(call.url, id);
  const auto job = co_await logged_job(store_, id);
  if (!job) throw cimi::not_found(id);
  if (!access::allows(job->acl, call.who, access::Right::ViewData)) throw cimi::forbidden(id);
  const auto page = co_await store_.read_log(std::move(query));
  json body = {{"count", page.count}, {"next", page.next}};
  co_return cimi::document_response(body, "lines", lines_text(page));
}

awaitable<http::Response> LogEndpoint::follow(Call call) {
  FollowRequest request;
  request.who = call.who;
  request.quiet = options_.quiet;
  const auto id = call.route.resource_id();
  request.query = read_query(call.url, id);
  const bool newest = call.url.has("last");
  if (!newest && !request.query.from) request.query.from = 0;
  if (!call.last_event_id.empty()) {
    request.resumed = true;
    request.query.from = position_of(call.last_event_id);
  }
  auto place = events_.place();
  auto follower = std::make_shared<LogFollower>(events_.world(), std::move(request));
  const bool more = co_await follower->open();
  if (!more) {
    http::Response nothing_more;
    nothing_more.status = 204;
    co_return nothing_more;
  }
  co_return events::stream_response(std::move(follower), std::move(place));
}

}  // namespace jobengine::api::logs
