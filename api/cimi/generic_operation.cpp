#include "api/cimi/generic_operation.hpp"

#include <algorithm>
#include <set>

#include "api/access/acl.hpp"
#include "api/cimi/answers.hpp"
#include "api/cimi/cimi_error.hpp"
#include "api/cimi/generic_document.hpp"
#include "api/cimi/job_document.hpp"
#include "common/job/job_state.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

constexpr int least_urgent = 999;

access::Identity administrator() {
  return access::make_identity(std::string(access::admin_claim), {},
                               {std::string(access::admin_claim)}, {});
}

// The value at a path of nested maps; null when there is none.
json value_at(const json& document, const std::vector<std::string>& path) {
  const json* at = &document;
  for (const auto& key : path) {
    if (!at->is_object()) return nullptr;
    const auto found = at->find(key);
    if (found == at->end()) return nullptr;
    at = &*found;
  }
  return *at;
}

std::string text_at(const json& document, const std::string& attribute) {
  const auto found = document.find(attribute);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string execution_mode(const GenericOperation& operation, const json& resource) {
  const auto own = text_at(resource, operation.execution_mode_from);
  return job::parse_execution_mode(own) ? own : operation.execution_mode;
}

json payload(const GenericOperation& operation, const json& resource, const json& body) {
  json payload = operation.payload;
  for (const auto& [key, path] : operation.payload_from_resource) {
    auto value = value_at(resource, path);
    if (!value.is_null()) payload[key] = std::move(value);
  }
  for (const auto& key : operation.payload_from_body) {
    const auto found = body.find(key);
    if (found != body.end()) payload[key] = *found;
  }
  return payload;
}

bool is_principal(const std::string& text) {
  json acl;
  acl["owners"] = json::array({text});
  return access::acl_error(acl).empty();
}

json job_acl(const GenericOperation& operation, const json& resource, const access::Identity& who) {
  std::set<std::string> seeing;
  for (const auto& owner : resource["acl"]["owners"]) seeing.insert(owner.get<std::string>());
  if (is_principal(who.owner())) seeing.insert(who.owner());
  json acl;
  acl["owners"] = json::array({access::admin_claim});
  acl["view-data"] = seeing;
  acl["manage"] = seeing;
  const auto edge = text_at(resource, operation.edge_from);
  if (!edge.empty() && is_principal(edge)) {
    acl["edit-data"] = json::array({edge});
    seeing.insert(edge);
    acl["manage"] = seeing;
  }
  return acl;
}

json flag_of(const json& body, const char* key) {
  const auto found = body.find(key);
  if (found == body.end()) return false;
  if (!found->is_boolean()) {
    throw bad_request(std::string(key) + ": " + found->dump() + ", expected true or false");
  }
  return *found;
}

}  // namespace

bool is_possible(const GenericOperation& operation, const json& resource,
                 const access::Identity& who, WallTime now) {
  return access::allows(resource["acl"], who, operation.right) &&
         holds(operation.when, resource, now);
}

void check_right(const GenericOperation& operation, const json& resource,
                 const access::Identity& who) {
  if (access::allows(resource["acl"], who, operation.right)) return;
  throw forbidden(resource["id"].get<std::string>());
}

json begun(const GenericType& type, const GenericOperation& operation, const json& resource,
           const access::Identity& who, WallTime now) {
  if (!holds(operation.when, resource, now)) {
    const auto id = resource["id"].get<std::string>();
    throw CimiError(
        409,
        operation.name + " is not possible now for " + id + ": it needs " + operation.when->text,
        id);
  }
  return changed_generic(type, resource, operation.set, who.user_id, now);
}

json operation_job(const GenericOperation& operation, const json& resource, const json& body,
                   const std::string& job_id, const access::Identity& who, WallTime now) {
  json job;
  job["action"] = operation.action;
  job["target-resource"]["href"] = resource["id"];
  job["execution-mode"] = execution_mode(operation, resource);
  if (operation.priority) job["priority"] = *operation.priority;
  if (flag_of(body, "low-priority") == true) job["priority"] = least_urgent;
  if (const auto parent = body.find("parent-job"); parent != body.end()) {
    job["parent-job"] = *parent;
  }
  const auto content = payload(operation, resource, body);
  if (!content.empty()) job["payload"] = json_text(content);
  job["acl"] = job_acl(operation, resource, who);
  job["created-by"] = who.user_id;
  return new_job(job, job_id, administrator(), now);
}

std::string bulk_action_name(const GenericType& type, const GenericOperation& operation) {
  std::string name = "bulk_" + operation.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name + "_" + type.name;
}

json bulk_job(const GenericType& type, const GenericOperation& operation, const json& body,
              const std::string& job_id, const access::Identity& who, WallTime now) {
  json content = body;
  content["authn-info"]["user-id"] = who.user_id;
  content["authn-info"]["active-claim"] = who.owner();
  content["authn-info"]["claims"] = who.claims;
  json job;
  job["action"] = bulk_action_name(type, operation);
  job["target-resource"]["href"] = type.name;
  job["payload"] = json_text(content);
  job["acl"]["owners"] = json::array({access::admin_claim});
  if (is_principal(who.owner())) {
    job["acl"]["view-acl"] = json::array({who.owner()});
    job["acl"]["manage"] = json::array({who.owner()});
  }
  job["created-by"] = who.user_id;
  return new_job(job, job_id, administrator(), now);
}

store::Decision hook_decision(const GenericType& type, const GenericHook& hook, const json& job,
                              const json& target, WallTime now) {
  store::Decision decision;
  if (!holds(hook.when, target, now)) return decision;
  bool remove = hook.remove;
  if (!hook.remove_if.empty()) {
    const auto content = json::parse(text_at(job, "payload"), nullptr, /*allow_exceptions=*/false);
    remove = remove || (content.is_object() && content.value(hook.remove_if, json()) == true);
  }
  if (remove) {
    decision.kind = store::Decision::Kind::Remove;
    return decision;
  }
  if (hook.set.empty()) return decision;
  decision.document = changed_generic(type, target, hook.set, "internal", now);
  decision.kind = store::Decision::Kind::Put;
  return decision;
}

}  // namespace jobengine::api::cimi
