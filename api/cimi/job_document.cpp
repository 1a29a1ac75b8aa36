#include "api/cimi/job_document.hpp"

#include <algorithm>
#include <array>

#include "api/access/acl.hpp"
#include "api/cimi/cimi_error.hpp"
#include "api/cimi/job_schema.hpp"
#include "common/job/job.hpp"
#include "common/job/job_state.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

// A status-message of more characters keeps this many from either end.
constexpr std::size_t longest_status_message = 100000;
constexpr std::size_t kept_of_status_message = 50000;

void check_schema(const json& job) {
  const auto errors = schema_errors(job_schema(), job);
  if (errors.empty()) return;
  const auto id = job["id"].get<std::string>();
  throw bad_request("resource " + id + " does not satisfy defined schema:\n" + errors, id);
}

// Byte position of the `count`th character (code point) of valid UTF-8.
std::size_t position_of(const std::string& text, std::size_t count) {
  std::size_t at = 0;
  while (at < text.size() && count > 0) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U) ++at;
    --count;
  }
  return at;
}

std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

void shorten_status_message(json& message) {
  const auto& text = message.get_ref<const std::string&>();
  if (text.size() <= longest_status_message) return;
  const auto length = characters(text);
  if (length <= longest_status_message) return;
  const auto head = text.substr(0, position_of(text, kept_of_status_message));
  const auto tail = text.substr(position_of(text, length - kept_of_status_message));
  message = head + "\n...\n" + tail;
}

void condition_status_message(json& job, WallTime now) {
  const auto message = job.find("status-message");
  if (message == job.end()) return;
  job["time-of-status-change"] = timestamp(now);
  if (message->is_string()) shorten_status_message(*message);
}

// Whole seconds since `started`; nothing when the job was never started.
void set_duration(json& job, WallTime now) {
  const auto started = job.find("started");
  if (started == job.end() || !started->is_string()) return;
  const auto since = parse_timestamp(started->get_ref<const std::string&>());
  if (!since) return;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - *since).count();
  job["duration"] = std::max<std::int64_t>(seconds, 0);
}

void set_end(json& job, WallTime now) {
  job["progress"] = 100;
  set_duration(job, now);
}

json without(json changes, SetBy who) {
  const auto& schema = job_schema();
  auto& members = changes.get_ref<json::object_t&>();
  std::erase_if(members, [&](const auto& member) {
    return std::any_of(schema.begin(), schema.end(), [&](const Attribute& attribute) {
      return attribute.set_by == who && attribute.name == member.first;
    });
  });
  return changes;
}

json without_server_attributes(json body) {
  body = without(std::move(body), SetBy::Server);
  body.erase("operations");
  return body;
}

// What of `changes` this identity may change; the rest is dropped silently, as by the original.
json allowed_changes(const json& acl, json changes, const access::Identity& who) {
  changes = without_server_attributes(std::move(changes));
  changes.erase("created-by");
  if (!who.is_admin()) changes = without(std::move(changes), SetBy::Creation);
  return access::editable_part(acl, std::move(changes), who);
}

void add_affected_resource(json& job) {
  const auto target = job.find("target-resource");
  if (target == job.end() || check::href(*target) != nullptr) return;
  auto& affected = job["affected-resources"];
  if (affected.is_null()) affected = json::array();
  if (!affected.is_array()) return;  // the schema says so
  const bool there = std::any_of(affected.begin(), affected.end(), [&](const json& one) {
    return one.is_object() && one.value("href", json()) == (*target)["href"];
  });
  if (!there) affected.push_back(*target);
}

json awaiting_tags() {
  return json::array({job::awaits_entry_tag});
}

bool has_awaiting_tags(const json& job) {
  const auto tags = job.find("tags");
  return tags != job.end() && tags->is_array() && tags->size() == 1 &&
         tags->front() == job::awaits_entry_tag;
}

// The tag stays as long as the job waits for its entry, and goes with the waiting.
void keep_awaiting_tags(const json& before, json& job) {
  if (!has_awaiting_tags(before)) return;
  if (needs_entry(job)) {
    job["tags"] = awaiting_tags();
  } else if (has_awaiting_tags(job)) {
    job.erase("tags");
  }
}

std::string text_of(const json& job, const char* attribute) {
  const auto found = job.find(attribute);
  return found != job.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

bool is_final_state(const json& job) {
  const auto state = job::parse_job_state(text_of(job, "state"));
  return state && job::is_final(*state);
}
bool is_running(const json& job) {
  return text_of(job, "state") == "RUNNING";
}
bool is_bulk(const json& job) {
  return text_of(job, "action").starts_with("bulk");
}

bool needs_entry(const json& job) {
  return text_of(job, "state") == "QUEUED" && text_of(job, "execution-mode") != "pull";
}

json new_job(const json& body, const std::string& id, const access::Identity& who, WallTime now) {
  json job = without_server_attributes(body);
  job["id"] = id;
  job["resource-type"] = "job";
  job["created"] = timestamp(now);
  job["updated"] = job["created"];
  if (!job.contains("created-by") || !who.is_admin()) job["created-by"] = who.user_id;
  job["state"] = "QUEUED";
  if (!job.contains("execution-mode")) job["execution-mode"] = "push";
  if (!job.contains("progress")) job["progress"] = 0;
  if (!job.contains("version")) job["version"] = job::supported_version;
  // Belongs to the queue: the path of the entry, once there is one.
  if (needs_entry(job)) job["tags"] = awaiting_tags();
  add_affected_resource(job);
  if (!job.contains("acl")) job["acl"] = access::acl_owned_by(who.owner());
  check_schema(job);
  job["acl"] = access::normalised_acl(job["acl"]);
  condition_status_message(job, now);
  return job;
}

json edited_job(const json& current, const JobEdit& edit, const access::Identity& who,
                WallTime now) {
  const auto id = current["id"].get<std::string>();
  const auto& acl = current["acl"];
  if (!access::may_edit(acl, who)) throw forbidden(id);
  if (is_final_state(current)) throw CimiError(409, "edit is not allowed in final state", id);
  json job = current;
  if (!edit.removed.empty()) {
    json removed = json::object();
    for (const auto& name : edit.removed) removed[name] = nullptr;
    removed = allowed_changes(acl, std::move(removed), who);
    removed.erase("acl");
    for (const auto& [name, unused] : removed.items()) job.erase(name);
  }
  const json changes = allowed_changes(acl, edit.changes, who);
  job.update(changes);
  keep_awaiting_tags(current, job);
  job["updated"] = timestamp(now);
  job["updated-by"] = who.user_id;
  if (is_running(job) && !job.contains("started")) job["started"] = job["updated"];
  condition_status_message(job, now);
  if (is_final_state(job)) set_end(job, now);
  check_schema(job);
  if (changes.contains("acl")) job["acl"] = access::normalised_acl(job["acl"]);
  return job;
}

json ended_job(const json& current, const access::Identity& who, WallTime now) {
  json job = current;
  job["state"] = "CANCELED";
  keep_awaiting_tags(current, job);
  job["updated"] = timestamp(now);
  job["updated-by"] = who.user_id;
  condition_status_message(job, now);
  set_end(job, now);
  return job;
}

json cancel_children_job(const json& bulk_job, const std::string& id, WallTime now) {
  json body;
  body["action"] = "cancel_children_jobs";
  body["target-resource"] = {{"href", bulk_job["id"]}};
  body["priority"] = 10;
  body["acl"] = bulk_job["acl"];
  body["created-by"] = "internal";
  const auto admin = access::make_identity(std::string(access::admin_claim), {},
                                           {std::string(access::admin_claim)}, {});
  return new_job(body, id, admin, now);
}

}  // namespace jobengine::api::cimi
