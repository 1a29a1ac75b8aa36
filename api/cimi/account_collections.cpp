#include "api/cimi/account_collections.hpp"

#include <algorithm>
#include <array>

#include "api/access/secrets.hpp"
#include "api/cimi/accounts.hpp"
#include "api/cimi/answers.hpp"
#include "api/cimi/schema.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

constexpr std::size_t least_password_length = 8;
constexpr std::size_t secret_bytes = 24;

access::CollectionAcl acl_for(std::string_view may_add) {
  access::CollectionAcl acl;
  acl.query = {std::string(access::user_claim)};
  acl.add = {std::string(may_add)};
  return acl;
}

// The template's text attribute; throws CimiError 400 without one.
std::string template_text(const json& body, const char* name) {
  const auto wrapped = body.find("template");
  if (wrapped != body.end() && wrapped->is_object()) {
    const auto found = wrapped->find(name);
    if (found != wrapped->end() && check::non_blank(*found) == nullptr) {
      return found->get<std::string>();
    }
  }
  throw bad_request(std::string("template/") + name + ": expected a string that is not blank");
}

// An edit that may touch the descriptive attributes and the acl, and those of `further`.
json edited_account(const json& current, const Call& call, WallTime now,
                    const std::vector<std::string_view>& further) {
  const auto id = current["id"].get<std::string>();
  if (!access::may_edit(current["acl"], call.who)) throw forbidden(id);
  static constexpr std::array<std::string_view, 6> untouched{
      "id", "resource-type", "created", "updated", "created-by", "operations"};
  static constexpr std::array<std::string_view, 4> descriptive{"name", "description", "tags",
                                                               "acl"};
  json changes = call.body;
  for (const auto name : untouched) changes.erase(std::string(name));
  for (const auto& [key, value] : changes.items()) {
    const bool may = std::find(descriptive.begin(), descriptive.end(), key) != descriptive.end() ||
                     std::find(further.begin(), further.end(), key) != further.end();
    if (!may && current.value(key, json()) != value) {
      throw bad_request("attribute '" + key + "' cannot be edited", id);
    }
  }
  changes = access::editable_part(current["acl"], std::move(changes), call.who);
  json document = current;
  document.update(changes);
  const auto error = access::acl_error(document["acl"]);
  if (!error.empty()) throw bad_request(error, id);
  for (const char* name : {"name", "description"}) {
    if (document.contains(name) && check::non_blank(document[name]) != nullptr) {
      throw bad_request(std::string(name) + ": expected a string that is not blank", id);
    }
  }
  if (document.contains("tags") && check::tags(document["tags"]) != nullptr) {
    throw bad_request("tags: expected an array of distinct strings", id);
  }
  document["acl"] = access::normalised_acl(document["acl"]);
  document["updated"] = timestamp(now);
  document["updated-by"] = call.who.user_id;
  return document;
}

}  // namespace

std::string secret_digest(const std::string& secret) {
  return "sha256$" + access::hex(access::sha256(secret));
}

UserCollection::UserCollection(store::Store& store, access::PasswordHasher& hasher)
    : Collection(store, "user", acl_for(access::admin_claim)), hasher_(hasher) {}

json UserCollection::new_document(const Call& /*call*/, const std::string& /*id*/,
                                  WallTime /*now*/) {
  return nullptr;  // add() makes three documents instead
}

json UserCollection::edited_document(const json& current, const Call& call, WallTime now) {
  const auto state = call.body.find("state");
  if (state != call.body.end() && *state != "ACTIVE" && *state != "SUSPENDED") {
    throw bad_request("state: expected \"ACTIVE\" or \"SUSPENDED\"", call.route.resource_id());
  }
  const std::vector<std::string_view> further{"state"};
  return edited_account(current, call, now, further);
}

awaitable<http::Response> UserCollection::add(Call call) {
  if (!call.who.is_admin()) throw credentials_required();
  const auto& body = body_object(call);
  if (template_text(body, "href") != "user-template/username-password") {
    throw bad_request("template/href: expected \"user-template/username-password\"");
  }
  NewAccount account;
  account.username = template_text(body, "username");
  const auto password = template_text(body, "password");
  if (password.size() < least_password_length) {
    throw bad_request("template/password: expected at least 8 characters");
  }
  auto hash = co_await hasher_.hash_in_turn(password);
  if (!hash) throw CimiError(503, "too many logins at once, try again");
  account.password_hash = std::move(*hash);
  const auto username = account.username;
  const auto id = co_await create_account(store(), std::move(account));
  if (!id) throw CimiError(409, "conflict with " + identifier_id(username));
  co_return created_response(*id);
}

awaitable<http::Response> UserCollection::remove(Call call) {
  const auto id = call.route.resource_id();
  const auto stored = co_await store().get(id);
  auto response = co_await Collection::remove(call);
  if (!stored) co_return response;
  std::vector<store::Change> changes(2);
  changes[0].id = identifier_id(stored->document.value("name", std::string()));
  changes[1].id = stored->document.value("credential-password", std::string());
  for (auto& change : changes) {
    change.decide = [id](const store::StoredDocument* current) {
      store::Decision decision;
      const bool ours = current != nullptr && current->document.value("parent", json()) == id;
      if (ours) decision.kind = store::Decision::Kind::Remove;
      return decision;
    };
  }
  co_await store().change(std::move(changes));
  co_return response;
}

CredentialCollection::CredentialCollection(store::Store& store)
    : Collection(store, "credential", acl_for(access::user_claim)) {}

json CredentialCollection::new_document(const Call& call, const std::string& id, WallTime now) {
  json credential;
  credential["id"] = id;
  credential["resource-type"] = "credential";
  credential["subtype"] = "credential-api-key";
  credential["method"] = "generate-api-key";
  credential["created"] = timestamp(now);
  credential["updated"] = credential["created"];
  credential["created-by"] = call.who.user_id;
  for (const char* name : {"name", "description", "tags"}) {
    const auto given = call.body.find(name);
    if (given != call.body.end()) credential[name] = *given;
  }
  json roles = json::array();
  for (const auto& claim : call.who.claims) {
    if (!claim.starts_with("session/")) roles.push_back(claim);
  }
  credential["claims"]["identity"] = call.who.user_id;
  credential["claims"]["roles"] = std::move(roles);
  const auto wrapped = call.body.value("template", json::object());
  const auto ttl = wrapped.is_object() ? wrapped.value("ttl", json(0)) : json(0);
  if (check::non_negative(ttl) != nullptr || ttl > 4000000000) {
    throw bad_request("template/ttl: expected a number of seconds, 0 for no end");
  }
  if (ttl != 0)
    credential["expiry"] = timestamp(now + std::chrono::seconds(ttl.get<std::int64_t>()));
  credential["acl"] = access::acl_owned_by(call.who.owner());
  return credential;
}

json CredentialCollection::edited_document(const json& current, const Call& call, WallTime now) {
  return edited_account(current, call, now, {});
}

awaitable<http::Response> CredentialCollection::add(Call call) {
  if (call.who.user_id.empty() || !(call.who.is_admin() || call.who.has(access::user_claim))) {
    throw credentials_required();
  }
  const auto& body = body_object(call);
  if (template_text(body, "href") != "credential-template/generate-api-key") {
    throw bad_request("template/href: expected \"credential-template/generate-api-key\"");
  }
  const auto id = "credential/" + new_uuid();
  const auto secret = access::hex(access::random_bytes(secret_bytes));
  json document = new_document(call, id, wall_now());
  document["digest"] = secret_digest(secret);
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
  auto answer = json::parse(response.body);
  answer["secret-key"] = secret;
  response.body = json_text(answer);
  co_return response;
}

}  // namespace jobengine::api::cimi
