#include "api/cimi/collection.hpp"

#include <algorithm>
#include <chrono>
#include <memory>

#include "api/cimi/answers.hpp"
#include "api/cimi/bulk.hpp"
#include "api/cimi/document_text.hpp"
#include "api/cimi/schema.hpp"
#include "api/cimi/search_parameters.hpp"
#include "api/notation/notation.hpp"
#include "common/runtime/crash_point.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

// While rows are made into text, the other connections of the thread are served after this much,
// which takes a few milliseconds.
constexpr std::size_t bytes_at_once = 128 * 1024;
// What a row costs beside its text.
constexpr std::size_t bytes_of_a_row = 512;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

json operation_entry(const std::string& rel, const std::string& href) {
  json entry;
  entry["rel"] = rel;
  entry["href"] = href;
  return entry;
}

json selected(json document, const std::vector<std::string>& names) {
  json part = json::object();
  part["id"] = document.value("id", json());
  for (const auto& name : names) {
    const auto found = document.find(name);
    if (found != document.end() && !part.contains(name)) part[name] = std::move(*found);
  }
  return part;
}

// What a row is made of when only these are shown: rights and operations hang on the others.
std::vector<std::string> needed_for(std::vector<std::string> select) {
  for (const char* name : {"id", "resource-type", "acl", "state"}) select.emplace_back(name);
  return select;
}

bool compares(const filter::Node& node, const std::string& attribute) {
  if (node.kind == filter::Node::Kind::Comparison) return node.comparison.path.front() == attribute;
  return std::any_of(node.parts.begin(), node.parts.end(),
                     [&](const filter::Node& part) { return compares(part, attribute); });
}

}  // namespace

CimiError undefined_action(const Call& call) {
  const auto& route = call.route;
  const auto id = route.resource_id();
  return {404,
          "undefined action (" + lower(call.method) + ", [\"" + route.collection + "\" \"" +
              route.operation + "\"]) for " + call.uri,
          id};
}

CimiError method_not_allowed(const Call& call) {
  return {405, "invalid method (" + lower(call.method) + ") for " + call.uri, call.uri};
}

Collection::Collection(store::Store& store, std::string name, access::CollectionAcl acl)
    : store_(store), name_(std::move(name)), acl_(std::move(acl)) {}

Description Collection::description() const {
  Description description;
  description.collection = name_;
  description.text = "Resources of the kind " + name_ + ".";
  description.attributes = described(common_attributes());
  description.open = true;
  description.acl = acl_.document();
  description.can_bulk_delete = !acl_.bulk_delete.empty();
  return description;
}

std::vector<std::string> Collection::further_operations(const json& /*document*/,
                                                        const access::Identity& /*who*/) const {
  return {};
}

bool Collection::editable(const json& /*document*/) const {
  return true;
}

store::Visibility Collection::visibility(const access::Identity& who) const {
  store::Visibility seen;
  seen.everything = who.is_admin();
  seen.claims = who.claims;
  return seen;
}

bool Collection::awaits_entry(const store::StoredDocument* /*before*/,
                              const json& /*after*/) const {
  return false;
}

std::optional<std::string> Collection::chosen_id(const Call& /*call*/) const {
  return std::nullopt;
}

void Collection::committed(const store::StoredDocument& /*stored*/) {}

json Collection::shown(json document) const {
  for (const auto& name : hidden()) document.erase(name);
  return document;
}

void Collection::check_search(const store::SearchRequest& request) const {
  for (const auto& name : unsearchable()) {
    const auto meant = [&](const auto& by) { return by.path.front() == name; };
    const bool asked = (request.filter && compares(*request.filter, name)) ||
                       std::any_of(request.order.begin(), request.order.end(), meant) ||
                       std::any_of(request.aggregations.begin(), request.aggregations.end(), meant);
    if (asked) {
      throw bad_request("attribute '" + name + "' cannot be searched, sorted by or aggregated");
    }
  }
}

json Collection::operations(const json& document, const access::Identity& who) const {
  json list = json::array();
  const auto id = document["id"].get<std::string>();
  const auto& acl = document["acl"];
  if (access::may_edit(acl, who) && editable(document)) list.push_back(operation_entry("edit", id));
  if (access::allows(acl, who, access::Right::Delete)) {
    list.push_back(operation_entry("delete", id));
  }
  for (const auto& name : further_operations(document, who)) {
    list.push_back(operation_entry(name, id + "/" + name));
  }
  return list;
}

json Collection::view(json document, const access::Identity& who) const {
  auto list = operations(document, who);
  auto part = access::visible_part(shown(std::move(document)), who);
  if (!part.is_null() && !list.empty()) part["operations"] = std::move(list);
  return part;
}

json Collection::row(json document, const access::Identity& who,
                     const std::optional<std::vector<std::string>>& select) const {
  if (!select) return view(std::move(document), who);
  const bool with_operations =
      std::find(select->begin(), select->end(), "operations") != select->end();
  auto part = with_operations ? view(std::move(document), who)
                              : access::visible_part(shown(std::move(document)), who);
  return selected(std::move(part), *select);
}

awaitable<std::string> Collection::rows(std::vector<store::StoredDocument> found,
                                        access::Identity who,
                                        std::optional<std::vector<std::string>> select) const {
  std::string text = "[";
  std::size_t weight = 0;
  for (auto& stored : found) {
    if (weight >= bytes_at_once) {
      weight = 0;
      co_await asio::post(use_awaitable);
    }
    const auto before = text.size();
    if (before > 1) text += ',';
    text += json_text(row(std::move(stored.document), who, select));
    weight += text.size() - before + bytes_of_a_row;
  }
  text += ']';
  co_return text;
}

json Collection::collection_operations(const access::Identity& who) const {
  json list = json::array();
  if (access::allows(acl_.add, who)) list.push_back(operation_entry("add", name_));
  if (!acl_.bulk_delete.empty() && access::allows(acl_.bulk_delete, who)) {
    list.push_back(operation_entry("bulk-delete", name_));
  }
  if (!acl_.bulk_action.empty() && access::allows(acl_.bulk_action, who)) {
    for (const auto& name : bulk_actions()) {
      list.push_back(operation_entry(name, name_ + "/" + name));
    }
  }
  return list;
}

awaitable<store::StoredDocument> Collection::visible(std::string id, access::Identity who) {
  auto stored = co_await store_.get(id);
  if (!stored) throw not_found(id);
  if (!access::allows(stored->document["acl"], who, access::Right::ViewMeta)) throw forbidden(id);
  co_return std::move(*stored);
}

json Collection::visible_attributes(const json& document, const access::Identity& who,
                                    const std::vector<std::string>& names) const {
  auto part = shown(selected(document, names));
  const bool with_acl = part.contains("acl");
  part["acl"] = document["acl"];
  part = access::visible_part(part, who);
  if (!with_acl && part.is_object()) part.erase("acl");
  return part;
}

store::SearchRequest Collection::search_for(const access::Identity& who,
                                            std::optional<filter::Node> filter) const {
  if (!access::allows(acl_.query, who)) throw credentials_required();
  store::SearchRequest request;
  request.collection = name_;
  request.filter = std::move(filter);
  request.visibility = visibility(who);
  check_search(request);
  return request;
}

void Collection::check_precondition(const store::StoredDocument& current, const Call& call) const {
  if (call.if_match.empty() || etag_matches(call.if_match, current.revision)) return;
  // The ETag tells of changes.
  if (!access::allows(current.document["acl"], call.who, access::Right::ViewMeta)) {
    throw forbidden(current.id);
  }
  throw CimiError(412,
                  current.id + " has changed: its ETag is " + etag_of(current.revision) + ", not " +
                      call.if_match,
                  current.id);
}

const json& Collection::body_object(const Call& call) const {
  if (!call.body.is_object()) {
    throw bad_request("the body must be a JSON object", call.route.resource_id());
  }
  return call.body;
}

awaitable<http::Response> Collection::query(Call call) {
  if (!access::allows(acl_.query, call.who)) throw credentials_required();
  if (!call.body.is_null()) {
    throw bad_request("a search by PUT takes application/x-www-form-urlencoded parameters");
  }
  auto parameters = read_search(call.parameters);
  store::SearchRequest request;
  request.collection = name_;
  request.filter = std::move(parameters.filter);
  request.visibility = visibility(call.who);
  request.order = std::move(parameters.order);
  request.offset = parameters.offset;
  request.limit = parameters.limit;
  if (parameters.select) request.only = needed_for(*parameters.select);
  request.aggregations = std::move(parameters.aggregations);
  request.most_time = parameters.timeout;
  const bool aggregated = !request.aggregations.empty();
  check_search(request);
  auto found = co_await store_.search(std::move(request));
  json body;
  body["count"] = found.count;
  body["acl"] = acl_.document();
  body["resource-type"] = name_ + "-collection";
  body["id"] = name_;
  auto list = collection_operations(call.who);
  if (!list.empty()) body["operations"] = std::move(list);
  if (aggregated) body["aggregations"] = std::move(found.aggregations);
  const auto resources = co_await rows(std::move(found.rows), call.who, parameters.select);
  co_return document_response(body, "resources", resources);
}

bool Collection::shows_as_text(const std::string& text, const access::Identity& who) {
  const auto known = attributes_of(text, {"acl"});
  return known && known->contains("acl") &&
         access::allows((*known)["acl"], who, access::Right::ViewAcl);
}

std::optional<std::string> Collection::view_of_text(std::string text,
                                                    const access::Identity& who) const {
  auto names = operations_hang_on();
  if (names.empty() || !hidden().empty()) return std::nullopt;
  names.insert(names.end(), {"id", "acl"});
  const auto known = attributes_of(text, names);
  if (!known || !known->contains("id") || !known->contains("acl")) return std::nullopt;
  if (!access::allows((*known)["acl"], who, access::Right::ViewAcl)) return std::nullopt;
  const auto list = operations(*known, who);
  if (list.empty()) return text;
  return with_attribute(std::move(text), "operations", json_text(list));
}

awaitable<http::Response> Collection::retrieve(Call call) {
  const auto id = call.route.resource_id();
  auto stored = co_await store_.get_text(id);
  if (!stored) throw not_found(id);
  if (!call.url.has("select")) {
    if (auto text = view_of_text(stored->document, call.who)) {
      co_return text_response(std::move(*text), stored->revision);
    }
  }
  auto document = notation::parsed(stored->document);
  if (!access::allows(document["acl"], call.who, access::Right::ViewMeta)) throw forbidden(id);
  document = view(std::move(document), call.who);
  if (call.url.has("select")) {
    document = selected(std::move(document), name_list(call.url, "select"));
  }
  co_return document_response(document, stored->revision);
}

awaitable<http::Response> Collection::add(Call call) {
  if (!access::allows(acl_.add, call.who)) throw credentials_required();
  body_object(call);
  const auto chosen = chosen_id(call);
  const auto id = chosen ? *chosen : name_ + "/" + new_uuid();
  store::Decision put;
  put.kind = store::Decision::Kind::Put;
  put.document = new_document(call, id, wall_now());
  put.awaits_entry = awaits_entry(nullptr, put.document);
  const auto taken = std::make_shared<bool>(false);
  std::vector<store::Change> changes(1);
  changes[0].id = id;
  changes[0].decide = [put = std::move(put), taken](const store::StoredDocument* current) {
    *taken = current != nullptr;
    return *taken ? store::Decision() : put;
  };
  JE_CRASH_POINT("api.add.before");
  const auto stored = co_await store_.change(std::move(changes));
  JE_CRASH_POINT("api.add.stored");
  if (*taken) throw CimiError(409, "conflict with " + id, id);
  committed(*stored.at(0));
  co_return created_response(id);
}

awaitable<store::StoredDocument> Collection::change_one(const Call& call, Edit decide) {
  const auto id = call.route.resource_id();
  auto refused = std::make_shared<std::optional<CimiError>>();
  std::vector<store::Change> changes(1);
  changes[0].id = id;
  changes[0].as_text = true;
  changes[0].decide = [this, &call, &decide, refused,
                       id](const store::StoredDocument* current) -> store::Decision {
    store::Decision decision;
    refused->reset();
    try {
      if (current == nullptr) throw not_found(id);
      check_precondition(*current, call);
      decision.document = decide(current->document);
      decision.awaits_entry = awaits_entry(current, decision.document);
      decision.kind = store::Decision::Kind::Put;
    } catch (const CimiError& error) {
      refused->emplace(error);
    }
    return decision;
  };
  JE_CRASH_POINT("api.edit.before");
  auto stored = co_await store_.change(std::move(changes));
  JE_CRASH_POINT("api.edit.stored");
  if (*refused) throw CimiError(**refused);
  committed(*stored.at(0));
  co_return std::move(*stored.at(0));
}

http::Response Collection::changed_response(store::StoredDocument stored,
                                            const access::Identity& who) const {
  if (hidden().empty() && shows_as_text(stored.text, who)) {
    return text_response(std::move(stored.text), stored.revision);
  }
  // The right to change without the right to see: the id only.
  json least = {{"id", stored.id}};
  auto document = access::visible_part(shown(notation::parsed(stored.text)), who);
  if (document.is_null()) document = std::move(least);
  return document_response(document, stored.revision);
}

void Collection::check_edit(const Call& call) const {
  const auto id = call.route.resource_id();
  if (call.media_type == json_patch_type) {
    throw CimiError(415, name_ + " takes no JSON patches: send the attributes as application/json",
                    id);
  }
  const auto& body = body_object(call);
  if (body.contains("id") && body["id"] != id) {
    throw bad_request("the id of a resource cannot be changed", id);
  }
}

awaitable<http::Response> Collection::edit(Call call) {
  check_edit(call);
  const auto now = wall_now();
  Edit decide = [this, &call, now](const json& current) {
    return edited_document(current, call, now);
  };
  auto stored = co_await change_one(call, std::move(decide));
  co_return changed_response(std::move(stored), call.who);
}

awaitable<http::Response> Collection::remove(Call call) {
  const auto id = call.route.resource_id();
  auto refused = std::make_shared<std::optional<CimiError>>();
  std::vector<store::Change> changes(1);
  changes[0].id = id;
  changes[0].decide = [this, &call, refused, id](const store::StoredDocument* current) {
    store::Decision decision;
    refused->reset();
    try {
      if (current == nullptr) throw not_found(id);
      if (!access::allows(current->document["acl"], call.who, access::Right::Delete)) {
        throw forbidden(id);
      }
      check_precondition(*current, call);
      decision.kind = store::Decision::Kind::Remove;
    } catch (const CimiError& error) {
      refused->emplace(error);
    }
    return decision;
  };
  co_await store_.change(std::move(changes));
  if (*refused) throw CimiError(**refused);
  co_return deleted_response(id);
}

awaitable<http::Response> Collection::operate(Call call) {
  throw undefined_action(call);
  co_return http::Response{};
}

awaitable<http::Response> Collection::bulk_action(Call call) {
  throw undefined_action(call);
  co_return http::Response{};
}

awaitable<http::Response> Collection::bulk_remove(Call call) {
  if (acl_.bulk_delete.empty()) throw method_not_allowed(call);
  BulkOutcome outcome;
  outcome.begun = runtime::Clock::now();
  store::SearchRequest request;
  request.collection = name_;
  request.filter = bulk_filter(call, call.parameters.all("filter"));
  if (!access::allows(acl_.bulk_delete, call.who)) throw credentials_required();
  request.visibility = visibility(call.who);
  check_search(request);
  if (call.who.is_admin()) {
    outcome.changed = co_await store_.remove_matching(std::move(request));
    outcome.total = outcome.changed;
    co_return document_response(bulk_summary(outcome, "deleted"));
  }
  store::Decide decide = [who = call.who](const store::StoredDocument* current) {
    store::Decision decision;
    const bool may = access::allows(current->document["acl"], who, access::Right::Delete);
    if (may) decision.kind = store::Decision::Kind::Remove;
    return decision;
  };
  const auto matched = co_await store_.change_matching(std::move(request), std::move(decide));
  outcome.total = matched.total;
  outcome.changed = matched.changed;
  co_return document_response(bulk_summary(outcome, "deleted"));
}

}  // namespace jobengine::api::cimi
