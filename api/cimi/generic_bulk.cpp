// Bulk actions of declared resource types: bulk-<operation> makes a job, …-tags changes rows.
#include <algorithm>
#include <chrono>
#include <memory>
#include <set>

#include "api/cimi/answers.hpp"
#include "api/cimi/bulk.hpp"
#include "api/cimi/generic_collection.hpp"
#include "api/cimi/generic_document.hpp"
#include "api/cimi/generic_operation.hpp"
#include "api/cimi/job_document.hpp"
#include "api/cimi/schema.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

constexpr const char* tag_edits[] = {"set-tags", "add-tags", "remove-tags"};

bool is_tag_edit(const std::string& name) {
  return std::find(std::begin(tag_edits), std::end(tag_edits), name) != std::end(tag_edits);
}

std::vector<std::string> filters_of(const json& body) {
  const auto found = body.find("filter");
  if (found == body.end()) return {};
  if (!found->is_string()) throw bad_request("filter: " + found->dump() + ", expected a string");
  return {found->get<std::string>()};
}

json tags_of(const json& body) {
  const auto doc = body.find("doc");
  if (doc != body.end() && doc->is_object() && doc->contains("tags") &&
      check::tags((*doc)["tags"]) == nullptr) {
    return (*doc)["tags"];
  }
  throw bad_request("doc/tags: expected an array of distinct strings");
}

json edited_tags(const std::string& edit, const json& before, const json& tags) {
  if (edit == "set-tags") return tags;
  json after = json::array();
  for (const auto& tag : before) {
    const bool named = std::find(tags.begin(), tags.end(), tag) != tags.end();
    if (edit == "add-tags" || !named) after.push_back(tag);
  }
  if (edit == "remove-tags") return after;
  for (const auto& tag : tags) {
    if (std::find(after.begin(), after.end(), tag) == after.end()) after.push_back(tag);
  }
  return after;
}

}  // namespace

std::vector<std::string> GenericCollection::bulk_actions() const {
  std::vector<std::string> names;
  for (const auto& operation : type_.operations) {
    if (operation.bulk) names.push_back("bulk-" + operation.name);
  }
  names.insert(names.end(), std::begin(tag_edits), std::end(tag_edits));
  return names;
}

// A patch sent by PATCH to a resource arrives here as well: the path has the same form.
awaitable<http::Response> GenericCollection::bulk_action(Call call) {
  if (!call.bulk && call.media_type == json_patch_type) {
    call.route.uuid = std::move(call.route.operation);
    call.route.operation.clear();
    co_return co_await edit(std::move(call));
  }
  if (is_tag_edit(call.route.operation)) co_return co_await edit_tags(std::move(call));
  constexpr std::string_view prefix = "bulk-";
  const auto& name = call.route.operation;
  const auto* operation =
      name.starts_with(prefix) ? type_.operation(name.substr(prefix.size())) : nullptr;
  if (operation == nullptr || !operation->bulk) throw undefined_action(call);
  co_return co_await start_bulk(std::move(call), operation);
}

awaitable<http::Response> GenericCollection::start_bulk(Call call,
                                                        const GenericOperation* operation) {
  const auto& body = body_object(call);
  bulk_filter(call, filters_of(body));
  if (!access::allows(acl().bulk_action, call.who)) throw credentials_required();
  const auto job_id = "job/" + new_uuid();
  store::Decision put;
  put.kind = store::Decision::Kind::Put;
  put.document = bulk_job(type_, *operation, body, job_id, call.who, wall_now());
  put.awaits_entry = needs_entry(put.document);
  const auto action = put.document["action"].get<std::string>();
  std::vector<store::Change> changes(1);
  changes[0].id = job_id;
  changes[0].decide = [put = std::move(put)](const store::StoredDocument*) { return put; };
  co_await store().change(std::move(changes));
  entry_wanted_();
  json answer;
  answer["status"] = 202;
  answer["message"] = "starting " + action + " with async " + job_id;
  answer["resource-id"] = type_.name;
  answer["location"] = job_id;
  auto response = document_response(answer);
  response.status = 202;
  response.headers.emplace_back("Location", job_id);
  co_return response;
}

awaitable<http::Response> GenericCollection::edit_tags(Call call) {
  const auto& body = body_object(call);
  BulkOutcome outcome;
  outcome.begun = runtime::Clock::now();
  store::SearchRequest request;
  request.collection = type_.name;
  request.filter = bulk_filter(call, filters_of(body));
  if (!access::allows(acl().bulk_action, call.who)) throw credentials_required();
  const auto tags = tags_of(body);
  request.visibility = visibility(call.who);
  check_search(request);
  const auto now = wall_now();
  store::Decide decide = [this, &call, &tags, now](const store::StoredDocument* current) {
    store::Decision decision;
    const auto& document = current->document;
    if (!access::may_edit(document["acl"], call.who)) return decision;
    const auto before = document.value("tags", json::array());
    GenericEdit edit;
    edit.changes["tags"] = edited_tags(call.route.operation, before, tags);
    if (edit.changes["tags"] == before) return decision;
    try {
      decision.document = edited_generic(type_, document, edit, call.who, now);
      decision.kind = store::Decision::Kind::Put;
    } catch (const CimiError&) {
      // The type's schema may say otherwise: such a resource stays as it is, and is not counted.
    }
    return decision;
  };
  const auto matched = co_await store().change_matching(std::move(request), std::move(decide));
  outcome.total = matched.total;
  outcome.changed = matched.changed;
  co_return document_response(bulk_summary(outcome, "updated"));
}

}  // namespace jobengine::api::cimi
