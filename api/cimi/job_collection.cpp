#include "api/cimi/job_collection.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include "api/cimi/answers.hpp"
#include "api/cimi/job_document.hpp"
#include "api/cimi/job_schema.hpp"

namespace jobengine::api::cimi {
namespace {

using access::Right;
using nlohmann::json;

access::CollectionAcl job_acl() {
  access::CollectionAcl acl;
  acl.query = {std::string(access::user_claim)};
  acl.add = {std::string(access::admin_claim)};
  acl.bulk_delete = {std::string(access::admin_claim)};
  return acl;
}

bool may_cancel(const json& job, const access::Identity& who) {
  return access::allows(job["acl"], who, Right::Manage) && !is_final_state(job);
}

bool may_time_out(const json& job, const access::Identity& who) {
  return who.is_admin() && access::allows(job["acl"], who, Right::Manage) && is_running(job);
}

bool may_get_context(const json& job, const access::Identity& who) {
  return who.is_admin() || (access::allows(job["acl"], who, Right::Manage) &&
                            who.active_claim.starts_with("nuvlabox/"));
}

OperationDescription ending(const char* name, const char* text, const char* who) {
  OperationDescription operation;
  operation.name = name;
  operation.text = text;
  operation.who = who;
  operation.conditional = true;
  operation.answers = {{200, "The job, CANCELED.", resource_schema("job")}};
  return operation;
}

OperationDescription getting_context() {
  OperationDescription operation;
  operation.name = "get-context";
  operation.text =
      "Gives the resources the job needs to be run, as far as this server holds them, by their id.";
  operation.who = "administrators, and an edge with the manage right";
  operation.answers = {{200,
                        "The resources by their id.",
                        {{"type", "object"}, {"additionalProperties", {{"type", "object"}}}}}};
  return operation;
}

// What a cancel decides about the job and about the job for its children; assigned on the store's
// thread, the second after the first in the same transaction.
struct Cancellation {
  std::optional<CimiError> refused;
  std::optional<json> children_job;
};

}  // namespace

JobCollection::JobCollection(store::Store& store, std::function<void()> entry_wanted)
    : Collection(store, "job", job_acl()), entry_wanted_(std::move(entry_wanted)) {}

Description JobCollection::description() const {
  auto description = Collection::description();
  description.text =
      "An action to be run once on a target resource, how far it is, and what came of it.";
  description.attributes = described(job_schema());
  description.open = false;
  description.operations = {
      ending("cancel",
             "Ends the job as CANCELED. Of a job whose action begins with 'bulk' the children are "
             "cancelled too, by a job cancel_children_jobs.",
             "manage right, while the job is not in a final state"),
      ending("timeout", "Ends the job as CANCELED because it took too long.",
             "administrators, while the job is RUNNING"),
      getting_context()};
  return description;
}

json JobCollection::new_document(const Call& call, const std::string& id, WallTime now) {
  return new_job(call.body, id, call.who, now);
}

json JobCollection::edited_document(const json& current, const Call& call, WallTime now) {
  JobEdit edit;
  edit.changes = call.body;
  edit.removed = name_list(call.url, "select");
  return edited_job(current, edit, call.who, now);
}

bool JobCollection::editable(const json& document) const {
  return !is_final_state(document);
}

std::vector<std::string> JobCollection::further_operations(const json& document,
                                                           const access::Identity& who) const {
  std::vector<std::string> names;
  if (may_cancel(document, who)) names.emplace_back("cancel");
  if (may_time_out(document, who)) names.emplace_back("timeout");
  if (may_get_context(document, who)) names.emplace_back("get-context");
  return names;
}

std::vector<std::string> JobCollection::unsearchable() const {
  std::vector<std::string> names;
  for (const auto& attribute : job_schema()) {
    if (!attribute.searchable) names.push_back(attribute.name);
  }
  return names;
}

bool JobCollection::awaits_entry(const store::StoredDocument* before, const json& after) const {
  const bool awaited = before == nullptr || before->awaits_entry;
  return awaited && needs_entry(after);
}

void JobCollection::committed(const store::StoredDocument& stored) {
  if (stored.awaits_entry) entry_wanted_();
}

awaitable<http::Response> JobCollection::operate(Call call) {
  const auto& operation = call.route.operation;
  awaitable<http::Response> (JobCollection::*run)(Call) = nullptr;
  if (operation == "cancel") run = &JobCollection::cancel;
  if (operation == "timeout") run = &JobCollection::timeout;
  if (operation == "get-context") run = &JobCollection::context;
  if (run == nullptr) throw undefined_action(call);
  auto answer = (this->*run)(std::move(call));
  co_return co_await std::move(answer);
}

awaitable<http::Response> JobCollection::cancel(Call call) {
  const auto id = call.route.resource_id();
  const auto now = wall_now();
  const auto children_id = "job/" + new_uuid();
  auto outcome = std::make_shared<Cancellation>();
  std::vector<store::Change> changes(2);
  changes[0].id = id;
  changes[0].decide = [this, &call, outcome, id, now,
                       children_id](const store::StoredDocument* current) {
    store::Decision decision;
    *outcome = Cancellation();
    try {
      if (current == nullptr) throw not_found(id);
      if (!may_cancel(current->document, call.who)) throw forbidden(id);
      check_precondition(*current, call);
      decision.document = ended_job(current->document, call.who, now);
      decision.kind = store::Decision::Kind::Put;
      if (is_bulk(decision.document)) {
        outcome->children_job = cancel_children_job(decision.document, children_id, now);
      }
    } catch (const CimiError& error) {
      outcome->refused = error;
    }
    return decision;
  };
  changes[1].id = children_id;
  changes[1].decide = [outcome](const store::StoredDocument*) {
    store::Decision decision;
    if (outcome->children_job) {
      decision.kind = store::Decision::Kind::Put;
      decision.document = *outcome->children_job;
      decision.awaits_entry = true;
    }
    return decision;
  };
  const auto stored = co_await store().change(std::move(changes));
  if (outcome->refused) throw CimiError(*outcome->refused);
  if (stored.at(1)) entry_wanted_();
  co_return changed_response(*stored.at(0), call.who);
}

awaitable<http::Response> JobCollection::timeout(Call call) {
  const auto now = wall_now();
  Edit decide = [&call, now](const json& current) {
    if (!may_time_out(current, call.who)) throw forbidden(call.route.resource_id());
    return ended_job(current, call.who, now);
  };
  const auto stored = co_await change_one(call, std::move(decide));
  co_return changed_response(stored, call.who);
}

// Of the resources a job may concern this server holds only its own: what it does not know is left
// out, as the original leaves out what an action does not need.
awaitable<http::Response> JobCollection::context(Call call) {
  const auto id = call.route.resource_id();
  const auto stored = co_await store().get(id);
  if (!stored) throw not_found(id);
  if (!may_get_context(stored->document, call.who)) throw forbidden(id);
  json known = json::object();
  const auto target = stored->document.value("target-resource", json::object());
  const auto href = target.value("href", std::string());
  if (href.starts_with("job/")) {
    auto found = co_await store().get(href);
    if (found) {
      found->document.erase("acl");
      known[href] = std::move(found->document);
    }
  }
  co_return document_response(known);
}

}  // namespace jobengine::api::cimi
