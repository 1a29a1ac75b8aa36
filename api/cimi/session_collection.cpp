#include "api/cimi/session_collection.hpp"

#include <algorithm>
#include <set>

#include "api/access/standing.hpp"
#include "api/cimi/account_descriptions.hpp"
#include "api/cimi/account_edit.hpp"
#include "api/cimi/answers.hpp"
#include "api/cimi/schema.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

constexpr std::size_t most_peers = 5000;

access::CollectionAcl session_acl() {
  access::CollectionAcl acl;
  acl.query = {std::string(access::anonymous_claim)};
  acl.add = {std::string(access::anonymous_claim)};
  return acl;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

json session_document(const std::string& id, const access::Identity& who, WallTime now,
                      WallTime expiry) {
  json session;
  session["id"] = id;
  session["resource-type"] = "session";
  session["created"] = timestamp(now);
  session["updated"] = session["created"];
  session["created-by"] = who.user_id;
  session["expiry"] = timestamp(expiry);
  session["user"] = who.user_id;
  session["active-claim"] = who.active_claim;
  session["roles"] = joined(who.claims);
  json acl;
  acl["owners"] = json::array({access::admin_claim});
  for (const char* right : {"view-data", "manage", "delete"}) acl[right] = json::array({id});
  session["acl"] = access::normalised_acl(acl);
  return session;
}

// Groups one may act as: those everybody is in are none.
std::vector<std::string> groups_among(const std::vector<std::string>& claims) {
  std::vector<std::string> groups;
  for (const auto& claim : claims) {
    const bool special = claim == access::user_claim || claim == access::anonymous_claim;
    if (claim.starts_with("group/") && !special) groups.push_back(claim);
  }
  return groups;
}

std::string id_list(const std::set<std::string>& ids) {
  std::string text;
  for (const auto& id : ids) text += (text.empty() ? "'" : ",'") + id + "'";
  return "[" + text + "]";
}

WallTime expiry_of(const json& session) {
  const auto expiry = parse_timestamp(session.value("expiry", std::string()));
  return expiry.value_or(wall_now());
}

}  // namespace

SessionCollection::SessionCollection(store::Store& store, access::Authentication& authentication,
                                     Logins logins)
    : Collection(store, "session", session_acl()),
      authentication_(authentication),
      logins_(std::move(logins)) {}

Description SessionCollection::description() const {
  return described_session(Collection::description());
}

json SessionCollection::new_document(const Call& /*call*/, const std::string& /*id*/,
                                     WallTime /*now*/) {
  return nullptr;  // add() logs in first
}

json SessionCollection::edited_document(const json& /*current*/, const Call& call,
                                        WallTime /*now*/) {
  throw method_not_allowed(call);
}

std::vector<std::string> SessionCollection::further_operations(const json& document,
                                                               const access::Identity& who) const {
  if (document["id"] != who.session) return {};
  return {"get-peers", "get-groups", "switch-group"};
}

bool SessionCollection::editable(const json& /*document*/) const {
  return false;
}

store::Visibility SessionCollection::visibility(const access::Identity& who) const {
  store::Visibility own;
  if (!who.session.empty()) own.claims = {who.session};
  return own;
}

std::string SessionCollection::cookie(const access::Identity& who, WallTime expiry,
                                      const Call& call) const {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(expiry.time_since_epoch());
  using Transport = access::Authentication::Transport;
  const auto transport = call.over_tls ? Transport::Tls : Transport::Plain;
  return authentication_.cookie(who, seconds.count(), transport);
}

awaitable<http::Response> SessionCollection::add(Call call) {
  const auto& body = body_object(call);
  expect_only(body, {"template", "name", "description", "tags"}, "");
  auto wanted = body.value("template", json());
  if (!wanted.is_object()) throw bad_request("template: expected a map with 'href'");
  const auto href = wanted.value("href", json());
  const auto descriptive = descriptive_part(body);
  Login login = co_await logins_.log_in(std::move(wanted), call.client);
  const auto id = "session/" + new_uuid();
  login.identity.session = id;
  const auto now = wall_now();
  WallTime expiry = now + authentication_.session_lifetime();
  if (login.latest) expiry = std::min(expiry, *login.latest);
  json document = session_document(id, login.identity, now, expiry);
  document["method"] = login.method;
  document["identifier"] = login.identifier;
  document["template"]["href"] = href;
  if (!call.client.empty()) document["client-ip"] = call.client;
  document.update(descriptive);
  std::vector<store::Change> changes(1);
  changes[0].id = id;
  changes[0].decide = [document](const store::StoredDocument*) {
    store::Decision decision;
    decision.kind = store::Decision::Kind::Put;
    decision.document = document;
    return decision;
  };
  co_await store().change(std::move(changes));
  auto response = created_response(id);
  response.headers.emplace_back("Set-Cookie", cookie(login.identity, expiry, call));
  co_return response;
}

awaitable<http::Response> SessionCollection::operate(Call call) {
  const auto& operation = call.route.operation;
  if (operation == "get-groups") return groups(std::move(call));
  if (operation == "get-peers") return peers(std::move(call));
  if (operation == "switch-group") return switch_group(std::move(call));
  throw undefined_action(call);
}

awaitable<SessionCollection::Own> SessionCollection::own_session(Call call) {
  const auto id = call.route.resource_id();
  const auto stored = co_await visible(id, call.who);
  if (call.who.session != id) throw forbidden(id);
  auto claims = co_await access::claims_of_session(store(), id);
  if (!claims) throw forbidden(id);
  Own own;
  own.session = stored.document;
  own.groups = groups_among(*claims);
  own.claims = std::move(*claims);
  co_return own;
}

awaitable<http::Response> SessionCollection::groups(Call call) {
  const auto own = co_await own_session(std::move(call));
  json list = json::array();
  for (const auto& id : own.groups) {
    const auto stored = co_await store().get(id);
    json group;
    group["id"] = id;
    for (const char* name : {"name", "description"}) {
      if (stored && stored->document.contains(name)) group[name] = stored->document[name];
    }
    list.push_back(std::move(group));
  }
  co_return document_response(list);
}

awaitable<http::Response> SessionCollection::peers(Call call) {
  const bool everybody = call.who.is_admin();
  const auto own = co_await own_session(std::move(call));
  std::set<std::string> ids;
  for (const auto& group : own.groups) {
    const auto stored = co_await store().get(group);
    if (!stored) continue;
    for (const auto& user : stored->document.value("users", json::array())) {
      if (ids.size() < most_peers) ids.insert(user.get<std::string>());
    }
  }
  json names = json::object();
  if (!everybody && ids.empty()) co_return document_response(names);
  store::SearchRequest request;
  request.collection = "user";
  if (!everybody) request.filter = filter::parse("id=" + id_list(ids));
  request.visibility.everything = true;
  request.limit = most_peers;
  const auto found = co_await store().search(std::move(request));
  for (const auto& user : found.rows) names[user.id] = user.document.value("name", std::string());
  co_return document_response(names);
}

awaitable<http::Response> SessionCollection::switch_group(Call call) {
  const auto id = call.route.resource_id();
  const auto own = co_await own_session(call);
  const auto& body = body_object(call);
  const auto wanted = body.value("claim", json());
  if (check::resource_id(wanted) != nullptr) {
    throw bad_request("claim: expected the id of a group, or one's own to act for oneself", id);
  }
  const auto claim = wanted.get<std::string>();
  const bool may = claim == call.who.user_id ||
                   std::find(own.groups.begin(), own.groups.end(), claim) != own.groups.end();
  if (!may) {
    throw CimiError(403, "you are not in " + claim + "; get-groups lists the groups you are in",
                    id);
  }
  auto claims = access::claims_while_acting_as(claim, call.who.user_id, own.claims);
  const auto who = access::make_identity(call.who.user_id, claim, std::move(claims), id);
  auto without_session = who.claims;
  std::erase(without_session, id);
  Edit decide = [claim, roles = joined(without_session), by = who.user_id](const json& current) {
    json document = current;
    document["active-claim"] = claim;
    document["roles"] = roles;
    document["updated"] = timestamp(wall_now());
    document["updated-by"] = by;
    return document;
  };
  const auto cookie_text = cookie(who, expiry_of(own.session), call);
  const auto stored = co_await change_one(call, std::move(decide));
  auto response = changed_response(stored, who);
  response.headers.emplace_back("Set-Cookie", cookie_text);
  co_return response;
}

awaitable<http::Response> SessionCollection::edit(Call call) {
  throw method_not_allowed(call);
}

awaitable<http::Response> SessionCollection::remove(Call call) {
  const auto id = call.route.resource_id();
  const bool own = id == call.who.session;
  auto response = co_await Collection::remove(std::move(call));
  authentication_.forget(id);
  if (own) {
    response.headers.emplace_back("Set-Cookie", access::Authentication::cookie_for_nobody());
  }
  co_return response;
}

}  // namespace jobengine::api::cimi
