#include "api/cimi/generic_collection.hpp"

#include <algorithm>
#include <memory>

#include "api/cimi/answers.hpp"
#include "api/cimi/generic_document.hpp"
#include "api/cimi/generic_operation.hpp"
#include "api/cimi/job_document.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

// Somebody else may have begun the same operation meanwhile; nobody loses so often.
constexpr int most_attempts = 8;

json body_of(const Call& call) {
  if (call.body.is_null()) return json::object();
  if (call.body.is_object()) return call.body;
  throw bad_request("the body must be a JSON object", call.route.resource_id());
}

http::Response accepted(const std::string& id, const std::string& job_id,
                        const std::string& message) {
  json body;
  body["status"] = 202;
  body["message"] = message;
  body["resource-id"] = id;
  body["location"] = job_id;
  auto response = document_response(body);
  response.status = 202;
  response.headers.emplace_back("Location", job_id);
  return response;
}

std::string reusable_job(const json& resource, const std::string& action) {
  const auto known = resource.find(reusable_jobs);
  return known == resource.end() ? std::string() : known->value(action, std::string());
}

}  // namespace

struct GenericCollection::Attempt {
  std::optional<CimiError> refused;
  bool known_is_unfinished = false;
  bool lost = false;   // another operation began a job meanwhile: try again
  std::string reused;  // this job is answered
  std::optional<json> job;
};

GenericCollection::GenericCollection(store::Store& store, const GenericType& type,
                                     std::function<void()> entry_wanted)
    : Collection(store, type.name, type.collection_acl),
      type_(type),
      entry_wanted_(std::move(entry_wanted)) {}

std::vector<std::string> GenericCollection::hidden() const {
  return {reusable_jobs};
}

json GenericCollection::new_document(const Call& call, const std::string& id, WallTime now) {
  return new_generic(type_, call.body, id, call.who, now);
}

json GenericCollection::edited_document(const json& current, const Call& call, WallTime now) {
  GenericEdit edit;
  if (call.media_type == json_patch_type) {
    edit.patch = call.body;
  } else {
    edit.changes = call.body;
    edit.removed = name_list(call.url, "select");
  }
  return edited_generic(type_, current, edit, call.who, now);
}

std::vector<std::string> GenericCollection::further_operations(const json& document,
                                                               const access::Identity& who) const {
  std::vector<std::string> names;
  const auto now = wall_now();
  for (const auto& operation : type_.operations) {
    if (is_possible(operation, document, who, now)) names.push_back(operation.name);
  }
  return names;
}

awaitable<http::Response> GenericCollection::edit(Call call) {
  if (call.media_type != json_patch_type) co_return co_await Collection::edit(std::move(call));
  const auto now = wall_now();
  Edit decide = [this, &call, now](const json& current) {
    return edited_document(current, call, now);
  };
  auto stored = co_await change_one(call, std::move(decide));
  co_return changed_response(std::move(stored), call.who);
}

awaitable<http::Response> GenericCollection::operate(Call call) {
  const auto* operation = type_.operation(call.route.operation);
  if (operation == nullptr) throw undefined_action(call);
  if (operation->action.empty()) co_return co_await set_attributes(std::move(call), operation);
  co_return co_await start_job(std::move(call), operation);
}

awaitable<http::Response> GenericCollection::set_attributes(Call call,
                                                            const GenericOperation* operation) {
  const auto now = wall_now();
  Edit decide = [this, &call, operation, now](const json& current) {
    check_right(*operation, current, call.who);
    return begun(type_, *operation, current, call.who, now);
  };
  auto stored = co_await change_one(call, std::move(decide));
  co_return changed_response(std::move(stored), call.who);
}

awaitable<http::Response> GenericCollection::start_job(Call call,
                                                       const GenericOperation* operation) {
  const auto id = call.route.resource_id();
  call.body = body_of(call);
  co_await check_parent(call);
  for (int count = 0; count < most_attempts; ++count) {
    std::string known;
    if (operation->reuse) {
      const auto stored = co_await store().get(id);
      if (!stored) throw not_found(id);
      check_right(*operation, stored->document, call.who);
      known = reusable_job(stored->document, operation->action);
      const auto other = co_await unfinished_job(id, operation->action);
      if (!other.empty()) {
        co_return accepted(id, other, operation->action + " is under way with " + other);
      }
    }
    const auto attempt = co_await attempt_job(call, operation, std::move(known));
    if (attempt.lost) continue;
    if (attempt.refused) throw CimiError(*attempt.refused);
    if (!attempt.reused.empty()) {
      co_return accepted(id, attempt.reused,
                         operation->action + " is under way with " + attempt.reused);
    }
    const auto job_id = (*attempt.job)["id"].get<std::string>();
    if (needs_entry(*attempt.job)) entry_wanted_();
    co_return accepted(id, job_id, "starting " + operation->action + " with async " + job_id);
  }
  throw CimiError(409, "conflict with " + id, id);
}

awaitable<GenericCollection::Attempt> GenericCollection::attempt_job(
    Call call, const GenericOperation* operation, std::string known) {
  const auto id = call.route.resource_id();
  const auto now = wall_now();
  const auto job_id = "job/" + new_uuid();
  auto attempt = std::make_shared<Attempt>();
  std::vector<store::Change> changes(3);
  changes[0].id = known.empty() ? job_id : known;
  changes[0].decide = [attempt](const store::StoredDocument* job) {
    *attempt = Attempt();
    attempt->known_is_unfinished = job != nullptr && !is_final_state(job->document);
    return store::Decision{};
  };
  changes[1].id = id;
  changes[1].decide = [this, &call, operation, &known, attempt, id, now,
                       job_id](const store::StoredDocument* current) {
    store::Decision decision;
    try {
      if (current == nullptr) throw not_found(id);
      const auto& resource = current->document;
      check_right(*operation, resource, call.who);
      if (operation->reuse && reusable_job(resource, operation->action) != known) {
        attempt->lost = true;
        return decision;
      }
      if (operation->reuse && attempt->known_is_unfinished) {
        attempt->reused = known;
        return decision;
      }
      check_precondition(*current, call);
      auto next = begun(type_, *operation, resource, call.who, now);
      if (operation->reuse) next[reusable_jobs][operation->action] = job_id;
      attempt->job = operation_job(*operation, resource, call.body, job_id, call.who, now);
      decision.document = std::move(next);
      decision.kind = store::Decision::Kind::Put;
    } catch (const CimiError& error) {
      attempt->refused = error;
    }
    return decision;
  };
  changes[2].id = job_id;
  changes[2].decide = [attempt](const store::StoredDocument*) {
    store::Decision decision;
    if (!attempt->job) return decision;
    decision.kind = store::Decision::Kind::Put;
    decision.document = *attempt->job;
    decision.awaits_entry = needs_entry(*attempt->job);
    return decision;
  };
  co_await store().change(std::move(changes));
  co_return *attempt;
}

awaitable<std::string> GenericCollection::unfinished_job(std::string resource_id,
                                                         std::string action) {
  store::SearchRequest request;
  request.collection = "job";
  request.filter = filter::parse("state=['QUEUED','RUNNING'] and action='" + action +
                                 "' and target-resource/href='" + resource_id + "'");
  request.visibility.everything = true;
  request.only = std::vector<std::string>{"id"};
  request.limit = 1;
  const auto found = co_await store().search(std::move(request));
  co_return found.rows.empty() ? std::string() : found.rows.front().id;
}

// Only to a parent the caller may see: children count in what a bulk job says.
awaitable<void> GenericCollection::check_parent(Call call) {
  const auto parent = call.body.find("parent-job");
  if (parent == call.body.end() || !parent->is_string()) co_return;
  const auto id = parent->get<std::string>();
  const auto stored = co_await store().get(id);
  if (stored && !access::allows(stored->document["acl"], call.who, access::Right::ViewMeta)) {
    throw forbidden(id);
  }
}

}  // namespace jobengine::api::cimi
