#include "api/cimi/credential_collection.hpp"

#include "api/access/secrets.hpp"
#include "api/cimi/account_descriptions.hpp"
#include "api/cimi/account_edit.hpp"
#include "api/cimi/accounts.hpp"
#include "api/cimi/answers.hpp"
#include "api/cimi/password_rules.hpp"
#include "api/cimi/schema.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

constexpr std::size_t secret_bytes = 24;
constexpr std::int64_t longest_ttl = 4000000000;
constexpr const char* password_subtype = "credential-hashed-password";

access::CollectionAcl credential_acl() {
  access::CollectionAcl acl;
  acl.query = {std::string(access::user_claim)};
  acl.add = {std::string(access::user_claim)};
  return acl;
}

// Administrators, and the user whose password it is.
bool may_change_password(const json& credential, const access::Identity& who) {
  if (credential.value("subtype", json()) != password_subtype) return false;
  return who.is_admin() ||
         (!who.user_id.empty() && credential.value("parent", json()) == who.user_id);
}

std::string given_text(const json& body, const char* name, const std::string& id) {
  const auto found = body.find(name);
  if (found == body.end() || !found->is_string()) {
    throw bad_request(std::string(name) + ": expected a string", id);
  }
  return found->get<std::string>();
}

std::int64_t ttl_of(const json& wanted) {
  const auto ttl = wanted.value("ttl", json(0));
  if (check::non_negative(ttl) != nullptr || ttl > longest_ttl) {
    throw bad_request("template/ttl: expected a number of seconds, 0 for no end");
  }
  return ttl.get<std::int64_t>();
}

}  // namespace

std::string secret_digest(const std::string& secret) {
  return "sha256$" + access::hex(access::sha256(secret));
}

CredentialCollection::CredentialCollection(store::Store& store,
                                           access::Authentication& authentication,
                                           access::PasswordHasher& hasher,
                                           access::LoginLimits& limits)
    : Collection(store, "credential", credential_acl()),
      authentication_(authentication),
      hasher_(hasher),
      limits_(limits) {}

Description CredentialCollection::description() const {
  return described_credential(Collection::description());
}

json CredentialCollection::new_document(const Call& call, const std::string& id, WallTime now) {
  const auto& wanted =
      expected_template(call.body, "credential-template/generate-api-key", {"ttl"});
  expect_only(call.body, {"template", "name", "description", "tags"}, "");
  json credential;
  credential["id"] = id;
  credential["resource-type"] = "credential";
  credential["subtype"] = "credential-api-key";
  credential["method"] = "generate-api-key";
  credential["created"] = timestamp(now);
  credential["updated"] = credential["created"];
  credential["created-by"] = call.who.user_id;
  credential.update(descriptive_part(call.body));
  json roles = json::array();
  for (const auto& claim : call.who.claims) {
    if (!claim.starts_with("session/")) roles.push_back(claim);
  }
  credential["claims"]["identity"] = call.who.user_id;
  credential["claims"]["roles"] = std::move(roles);
  if (call.who.owner() != call.who.user_id) {
    credential["claims"]["active-claim"] = call.who.owner();
  }
  const auto ttl = ttl_of(wanted);
  if (ttl != 0) credential["expiry"] = timestamp(now + std::chrono::seconds(ttl));
  credential["acl"] = access::acl_owned_by(call.who.owner());
  return credential;
}

json CredentialCollection::edited_document(const json& current, const Call& call, WallTime now) {
  const AttributeNames editable{"name", "description", "tags"};
  return edited_account(current, call, now, editable);
}

std::vector<std::string> CredentialCollection::further_operations(
    const json& document, const access::Identity& who) const {
  if (may_change_password(document, who)) return {"change-password"};
  return {};
}

awaitable<http::Response> CredentialCollection::add(Call call) {
  if (call.who.user_id.empty() || !(call.who.is_admin() || call.who.has(access::user_claim))) {
    throw credentials_required();
  }
  body_object(call);
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

awaitable<http::Response> CredentialCollection::remove(Call call) {
  const auto id = call.route.resource_id();
  auto response = co_await Collection::remove(std::move(call));
  authentication_.forget();
  store::SearchRequest sessions;
  sessions.collection = "session";
  sessions.filter = filter::parse("identifier='" + id + "'");
  sessions.visibility.everything = true;
  co_await store().remove_matching(std::move(sessions));
  authentication_.forget();
  co_return response;
}

awaitable<http::Response> CredentialCollection::operate(Call call) {
  if (call.route.operation != "change-password") throw undefined_action(call);
  auto changed = change_password(std::move(call));
  co_return co_await std::move(changed);
}

awaitable<http::Response> CredentialCollection::change_password(Call call) {
  const auto id = call.route.resource_id();
  const auto credential = co_await visible(id, call.who);
  if (credential.document.value("subtype", json()) != password_subtype) {
    throw undefined_action(call);
  }
  if (!may_change_password(credential.document, call.who)) throw forbidden(id);
  const auto& body = body_object(call);
  expect_only(body, {"current-password", "new-password"}, "");
  const auto user_id = credential.document.value("parent", std::string());
  const auto user = co_await store().get(user_id);
  if (!user) throw not_found(user_id);
  const auto username = user->document.value("name", std::string());
  auto password = given_text(body, "new-password", id);
  const auto error = password_error(password, username);
  if (!error.empty()) throw bad_request("new-password: " + error, id);
  const auto hash_before = credential.document.value("hash", std::string());
  if (!call.who.is_admin() || body.contains("current-password")) {
    auto given = given_text(body, "current-password", id);
    co_await expect_password(hash_before, std::move(given), username, call.client);
  }
  auto hash = co_await hasher_.hash_in_turn(std::move(password));
  if (!hash) throw CimiError(503, "too many logins at once, try again");
  const bool done = co_await set_password(store(), id, std::move(*hash), hash_before);
  if (!done) throw CimiError(409, "the password was changed by somebody else meanwhile", id);
  const auto kept = call.who.user_id == user_id ? call.who.session : std::string();
  co_await end_sessions(store(), user_id, kept);
  authentication_.forget();
  limits_.succeeded(username);
  json answer;
  answer["status"] = 200;
  answer["message"] = "password of " + user_id + " changed, its other sessions have ended";
  answer["resource-id"] = id;
  co_return document_response(answer);
}

awaitable<void> CredentialCollection::expect_password(std::string hash, std::string given,
                                                      std::string username, std::string client) {
  const auto wait = limits_.wait_of(username, client);
  if (wait.count() > 0) throw too_many_attempts(wait);
  const auto same = co_await hasher_.check(std::move(hash), std::move(given));
  if (!same) throw CimiError(503, "too many logins at once, try again");
  const auto wait_now = limits_.wait_of(username, client);
  if (wait_now.count() > 0) throw too_many_attempts(wait_now);
  if (*same) co_return;
  limits_.failed(username, client);
  throw CimiError(403, "current-password: this is not the password of '" + username + "'");
}

}  // namespace jobengine::api::cimi
