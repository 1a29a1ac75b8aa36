#include "tests/integration/executor/memory_api.hpp"

#include <string_view>
#include <utility>

#include "common/job/job_state.hpp"
#include "common/runtime/event.hpp"

namespace jobengine::tests {

using cimi::Reply;
using cimi::ReplyKind;
using nlohmann::json;

namespace {

Reply reply_of(ReplyKind kind, int status, std::string message) {
  Reply reply;
  reply.kind = kind;
  reply.status = status;
  reply.message = std::move(message);
  return reply;
}

constexpr std::string_view log_path = "/logs";

std::string etag_of(int version) {
  return "\"" + std::to_string(version) + "\"";
}

}  // namespace

std::string MemoryApi::add_job(const std::string& action, const char* changes) {
  const std::string id = "job/" + std::to_string(jobs_.size() + 1);
  json document;
  document["id"] = id;
  document["action"] = action;
  document["state"] = "QUEUED";
  document["version"] = 2;
  document["execution-mode"] = "push";
  document["progress"] = 0;
  document.merge_patch(json::parse(changes));
  jobs_[id] = document;
  versions_[id] = 1;
  return id;
}

awaitable<Reply> MemoryApi::request(cimi::Request request) {
  auto loop = co_await asio::this_coro::executor;
  co_await asio::post(loop, use_awaitable);
  if (request.path.ends_with(log_path)) ++log_requests;
  Trouble happening;
  if (trouble) happening = trouble(request);
  if (happening.until) co_await happening.until->wait();
  if (happening.kind == ReplyKind::Ok) co_return answer(request);
  if (happening.applied) answer(request);
  co_return reply_of(happening.kind, 0, "trouble of the test");
}

Reply MemoryApi::answer(const cimi::Request& request) {
  if (request.path == "job") return search(request);
  if (request.path.ends_with(log_path)) {
    return append(request.path.substr(0, request.path.size() - log_path.size()), request);
  }
  const auto found = jobs_.find(request.path);
  if (found == jobs_.end()) {
    return reply_of(ReplyKind::NotFound, 404, request.path + " not found");
  }
  if (request.method == "PUT") return edit(request.path, request);
  Reply reply = reply_of(ReplyKind::Ok, 200, "");
  reply.document = found->second;
  reply.etag = etag_of(versions_[request.path]);
  return reply;
}

Reply MemoryApi::edit(const std::string& id, const cimi::Request& request) {
  json& job = jobs_.at(id);
  const auto state = job::parse_job_state(job["state"].get<std::string>());
  if (job::is_final(*state)) {
    return reply_of(ReplyKind::Conflict, 409, "edit is not allowed in final state");
  }
  for (const auto& [name, value] : request.headers) {
    if (name == "If-Match" && value != etag_of(versions_[id])) {
      return reply_of(ReplyKind::PreconditionFailed, 412, "changed since it was read");
    }
  }
  const json changes = json::parse(request.body);
  if (changes.contains("return-code") && changes["return-code"].get<std::int64_t>() < 0) {
    return reply_of(ReplyKind::Invalid, 400, "does not satisfy defined schema");
  }
  job.update(changes);
  edits.push_back(changes);
  ++versions_[id];
  if (after_edit) after_edit(id);
  Reply reply = reply_of(ReplyKind::Ok, 200, "");
  reply.document = job;
  reply.etag = etag_of(versions_[id]);
  return reply;
}

Reply MemoryApi::append(const std::string& id, const cimi::Request& request) {
  if (!has_logs) return reply_of(ReplyKind::NotFound, 404, "undefined action: " + request.path);
  if (!jobs_.contains(id)) return reply_of(ReplyKind::NotFound, 404, id + " not found");
  const json body = json::parse(request.body);
  std::vector<json>& log = logs_[id];
  std::int64_t next = 0;
  for (const json& line : log) {
    if (line["attempt"] == body["attempt"]) ++next;
  }
  const auto first = body["first"].get<std::int64_t>();
  Reply reply = reply_of(ReplyKind::Ok, 200, "");
  if (first > next) {
    reply = reply_of(ReplyKind::Conflict, 409, "lines are missing");
    reply.document["next"] = next;
    return reply;
  }
  std::int64_t number = first;
  for (json line : body["lines"]) {
    line["attempt"] = body["attempt"];
    line["n"] = number;
    if (number++ < next) continue;
    log.push_back(line);
    ++next;
  }
  reply.document["next"] = next;
  return reply;
}

std::vector<std::string> MemoryApi::log_texts(const std::string& id, const std::string& stream) {
  std::vector<std::string> texts;
  for (const json& line : logs_[id]) {
    if (stream.empty() || line["stream"] == stream) texts.push_back(line["text"]);
  }
  return texts;
}

Reply MemoryApi::search(const cimi::Request& request) const {
  Reply reply = reply_of(ReplyKind::Ok, 200, "");
  reply.document["resources"] = json::array();
  for (const auto& [id, job] : jobs_) {
    const std::string quoted = cimi::percent_encoded(cimi::quoted(id));
    if (request.body.find(quoted) == std::string::npos) continue;
    json row;
    row["id"] = id;
    row["state"] = job["state"];
    reply.document["resources"].push_back(row);
  }
  return reply;
}

}  // namespace jobengine::tests
