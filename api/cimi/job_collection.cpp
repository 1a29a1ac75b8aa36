#include "api/cimi/job_collection.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include "api/cimi/answers.hpp"
#include "api/cimi/generic_operation.hpp"
#include "api/cimi/job_context.hpp"
#include "api/cimi/job_document.hpp"
#include "api/cimi/job_schema.hpp"
#include "common/telemetry/log.hpp"

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

// What the end of a job decides; assigned on the store's thread, in one transaction.
struct Ending {
  std::optional<CimiError> refused;
  std::optional<json> job;  // as it ended
  std::optional<json> children_job;
  std::string trouble;  // of the hook: the job has ended all the same
};

bool is_final_text(const json& state) {
  return state.is_string() && (state == "SUCCESS" || state == "FAILED" || state == "CANCELED");
}

std::string target_of(const json& job) {
  const auto target = job.find("target-resource");
  return target == job.end() ? std::string() : target->value("href", std::string());
}

const GenericHook* hook_of(const GenericType& type, const json& job, bool timed_out) {
  const auto action = job.value("action", std::string());
  const auto state = job.value("state", std::string());
  if (timed_out) {
    if (const auto* hook = type.hook(action, GenericEnd::Timeout)) return hook;
  }
  if (state == "SUCCESS") return type.hook(action, GenericEnd::Success);
  if (state == "FAILED") return type.hook(action, GenericEnd::Failure);
  return type.hook(action, GenericEnd::Cancel);
}

}  // namespace

JobCollection::JobCollection(store::Store& store, std::function<void()> entry_wanted,
                             const GenericTypes& types)
    : Collection(store, "job", job_acl()), entry_wanted_(std::move(entry_wanted)), types_(types) {}

Description JobCollection::description() const {
  auto description = Collection::description();
  description.text =
      "An action to be run once on a target resource, how far it is, and what came of it.";
  description.attributes = described(job_schema());
  description.open = false;
  description.most_added = most_jobs_added;
  description.id_of_client = {
      {"type", "string"},
      {"pattern", "^job/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"},
      {"description",
       "The id the new job is to have: 409 when there is a job of that id, in whatever state. An "
       "edit keeps it."}};
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

std::optional<std::string> JobCollection::chosen_id(const Call& call) const {
  const auto chosen = call.body.find("id");
  if (!call.who.is_admin() || chosen == call.body.end()) return std::nullopt;
  auto id = chosen->is_string() ? chosen->get<std::string>() : std::string();
  if (!id.starts_with("job/") || !is_uuid(std::string_view(id).substr(4))) {
    throw bad_request("the resource does not satisfy defined schema:\nid: " + json_text(*chosen) +
                      ", expected \"job/<uuid>\" with a uuid in lower case, or no id");
  }
  return id;
}

json JobCollection::new_document(const Call& call, const std::string& id, WallTime now) {
  return new_job(call.body, id, call.who, now);
}

json JobCollection::edited_document(const json& current, const Call& call, WallTime now) {
  const JobEdit edit{call.body, name_list(call.url, "select")};
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

awaitable<http::Response> JobCollection::edit(Call call) {
  const bool ends = call.body.is_object() && is_final_text(call.body.value("state", json()));
  if (!ends || types_.all().empty()) co_return co_await Collection::edit(std::move(call));
  check_edit(call);
  const auto now = wall_now();
  Edit decide = [this, &call, now](const json& current) {
    return edited_document(current, call, now);
  };
  auto stored = co_await end_job(call, std::move(decide), How::Edited);
  co_return changed_response(std::move(stored), call.who);
}

awaitable<http::Response> JobCollection::cancel(Call call) {
  const auto now = wall_now();
  Edit decide = [&call, now](const json& current) {
    if (!may_cancel(current, call.who)) throw forbidden(call.route.resource_id());
    return ended_job(current, call.who, now);
  };
  auto stored = co_await end_job(call, std::move(decide), How::Cancelled);
  co_return changed_response(std::move(stored), call.who);
}

awaitable<http::Response> JobCollection::timeout(Call call) {
  const auto now = wall_now();
  Edit decide = [&call, now](const json& current) {
    if (!may_time_out(current, call.who)) throw forbidden(call.route.resource_id());
    return ended_job(current, call.who, now);
  };
  auto stored = co_await end_job(call, std::move(decide), How::TimedOut);
  co_return changed_response(std::move(stored), call.who);
}

// The job, the job for its children, its target: all in one transaction, so that none is seen
// without the others. The target's id has to be known before: a job keeps its target, but for an
// administrator who edits both at once, and then the hook is left out.
awaitable<store::StoredDocument> JobCollection::end_job(Call call, Edit decide, How how) {
  const auto id = call.route.resource_id();
  const auto now = wall_now();
  const auto target = co_await hooked_target(id);
  const auto children_id = "job/" + new_uuid();
  const auto ending = std::make_shared<Ending>();
  std::vector<store::Change> changes(target.empty() ? 2 : 3);
  changes[0].id = id;
  changes[0].as_text = true;
  changes[0].decide = [this, &call, &decide, ending, id, how, now,
                       children_id](const store::StoredDocument* current) {
    store::Decision decision;
    *ending = Ending();
    try {
      if (current == nullptr) throw not_found(id);
      check_precondition(*current, call);
      decision.document = decide(current->document);
      decision.kind = store::Decision::Kind::Put;
      ending->job = decision.document;
      if (how == How::Cancelled && is_bulk(decision.document)) {
        ending->children_job = cancel_children_job(decision.document, children_id, now);
      }
    } catch (const CimiError& error) {
      ending->refused = error;
    }
    return decision;
  };
  changes[1].id = children_id;
  changes[1].decide = [ending](const store::StoredDocument*) {
    store::Decision decision;
    if (ending->children_job) {
      decision.kind = store::Decision::Kind::Put;
      decision.document = *ending->children_job;
      decision.awaits_entry = true;
    }
    return decision;
  };
  if (!target.empty()) {
    changes[2].id = target;
    changes[2].decide = [this, ending, target, how, now](const store::StoredDocument* current) {
      store::Decision decision;
      if (!ending->job || current == nullptr || target_of(*ending->job) != target) return decision;
      const auto& type = *types_.of(target);
      const auto* hook = hook_of(type, *ending->job, how == How::TimedOut);
      if (hook == nullptr) return decision;
      try {
        decision = hook_decision(type, *hook, *ending->job, current->document, now);
      } catch (const std::exception& error) {
        ending->trouble = error.what();
        decision = store::Decision();
      }
      return decision;
    };
  }
  auto stored = co_await store().change(std::move(changes));
  if (ending->refused) throw CimiError(*ending->refused);
  if (!ending->trouble.empty()) {
    telemetry::warning("a job has ended, and its target could not be changed",
                       {{"job", id}, {"target", target}, {"error", ending->trouble}});
  }
  if (ending->children_job) entry_wanted_();
  co_return std::move(*stored.at(0));
}

// "" when the end of the job changes nothing else.
awaitable<std::string> JobCollection::hooked_target(std::string id) {
  if (types_.all().empty()) co_return std::string();
  const auto stored = co_await store().get(id);
  if (!stored) co_return std::string();
  auto target = target_of(stored->document);
  co_return types_.of(target) == nullptr ? std::string() : target;
}

awaitable<http::Response> JobCollection::context(Call call) {
  const auto id = call.route.resource_id();
  auto stored = co_await store().get(id);
  if (!stored) throw not_found(id);
  if (!may_get_context(stored->document, call.who)) throw forbidden(id);
  const auto known = co_await job_context(store(), types_, std::move(stored->document), call.who);
  co_return document_response(known);
}

}  // namespace jobengine::api::cimi
