#include "api/cimi/session_collection.hpp"

#include "api/access/secrets.hpp"
#include "api/cimi/account_collections.hpp"
#include "api/cimi/accounts.hpp"
#include "api/cimi/answers.hpp"
#include "api/cimi/schema.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

access::CollectionAcl session_acl() {
  access::CollectionAcl acl;
  acl.query = {std::string(access::anonymous_claim)};
  acl.add = {std::string(access::anonymous_claim)};
  return acl;
}

std::string wanted_text(const json& wanted, const char* name) {
  const auto found = wanted.find(name);
  if (found == wanted.end() || check::non_blank(*found) != nullptr) {
    throw bad_request(std::string("template/") + name + ": expected a string that is not blank");
  }
  return found->get<std::string>();
}

[[noreturn]] void refuse_login(const std::string& identifier) {
  throw CimiError(403, "invalid credentials for '" + identifier + "'");
}

bool is_expired(const json& credential) {
  const auto expiry = credential.find("expiry");
  if (expiry == credential.end() || !expiry->is_string()) return false;
  const auto time = parse_timestamp(expiry->get_ref<const std::string&>());
  return !time || *time <= wall_now();
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
  session["expiry"] = timestamp(expiry);
  session["user"] = who.user_id;
  session["active-claim"] = who.active_claim;
  session["roles"] = joined(who.claims);
  json acl;
  acl["owners"] = json::array({access::admin_claim});
  acl["view-data"] = json::array({id});
  acl["delete"] = json::array({id});
  session["acl"] = access::normalised_acl(acl);
  return session;
}

}  // namespace

SessionCollection::SessionCollection(store::Store& store, access::Authentication& authentication,
                                     access::PasswordHasher& hasher)
    : Collection(store, "session", session_acl()),
      authentication_(authentication),
      hasher_(hasher) {}

json SessionCollection::new_document(const Call& /*call*/, const std::string& /*id*/,
                                     WallTime /*now*/) {
  return nullptr;  // add() logs in first
}

json SessionCollection::edited_document(const json& /*current*/, const Call& call,
                                        WallTime /*now*/) {
  throw method_not_allowed(call);
}

bool SessionCollection::editable(const json& /*document*/) const {
  return false;
}

store::Visibility SessionCollection::visibility(const access::Identity& who) const {
  store::Visibility own;
  if (!who.session.empty()) own.claims = {who.session};
  return own;
}

awaitable<http::Response> SessionCollection::add(Call call) {
  const auto& body = body_object(call);
  const auto wanted = body.value("template", json());
  if (!wanted.is_object()) throw bad_request("template: expected a map with 'href'");
  const auto href = wanted_text(wanted, "href");
  Login login;
  if (href == "session-template/password") {
    login = co_await by_password(wanted);
  } else if (href == "session-template/api-key") {
    login = co_await by_api_key(wanted);
  } else {
    throw bad_request(
        "template/href: expected \"session-template/password\" or \"session-template/api-key\"");
  }
  const auto id = "session/" + new_uuid();
  login.identity.session = id;
  const auto now = wall_now();
  const auto expiry = now + authentication_.session_lifetime();
  json document = session_document(id, login.identity, now, expiry);
  document["method"] = login.method;
  document["identifier"] = login.identifier;
  document["template"]["href"] = href;
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
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(expiry.time_since_epoch());
  using Transport = access::Authentication::Transport;
  const auto transport = call.over_tls ? Transport::Tls : Transport::Plain;
  response.headers.emplace_back("Set-Cookie",
                                authentication_.cookie(login.identity, seconds.count(), transport));
  co_return response;
}

awaitable<SessionCollection::Login> SessionCollection::by_password(json wanted) {
  const auto username = wanted_text(wanted, "username");
  const auto password = wanted_text(wanted, "password");
  const auto account = co_await find_account(store(), username);
  std::string hash;
  if (account) hash = account->credential.value("hash", std::string());
  const auto same = co_await hasher_.check(hash, password);
  if (!same) throw CimiError(503, "too many logins at once, try again");
  const bool active = account && account->user.value("state", std::string()) == "ACTIVE";
  if (!*same || !active) refuse_login(username);
  Login login;
  login.identity = access::make_identity(account->user["id"].get<std::string>(), {},
                                         claims_of(account->user), {});
  login.identifier = username;
  login.method = "password";
  co_return login;
}

awaitable<SessionCollection::Login> SessionCollection::by_api_key(json wanted) {
  const auto key = wanted_text(wanted, "key");
  const auto secret = wanted_text(wanted, "secret");
  const auto id = key.starts_with("credential/") ? key : "credential/" + key;
  const auto stored = co_await store().get(id);
  if (!stored) refuse_login(key);
  const auto& credential = stored->document;
  const bool fits = credential.value("subtype", std::string()) == "credential-api-key" &&
                    access::equal_in_constant_time(credential.value("digest", std::string()),
                                                   secret_digest(secret)) &&
                    !is_expired(credential);
  if (!fits) refuse_login(key);
  const auto claims = credential.value("claims", json::object());
  const auto user_id = claims.value("identity", std::string());
  if (user_id.starts_with("user/")) {
    const bool active = co_await is_active_user(store(), user_id);
    if (!active) refuse_login(key);
  }
  Login login;
  const auto roles = claims.value("roles", std::vector<std::string>());
  login.identity = access::make_identity(user_id, {}, roles, {});
  login.identifier = id;
  login.method = "api-key";
  co_return login;
}

awaitable<http::Response> SessionCollection::remove(Call call) {
  auto response = co_await Collection::remove(call);
  authentication_.forget(call.route.resource_id());
  if (call.route.resource_id() == call.who.session) {
    response.headers.emplace_back("Set-Cookie", access::Authentication::cookie_for_nobody());
  }
  co_return response;
}

}  // namespace jobengine::api::cimi
