#include "api/cimi/accounts.hpp"

#include <memory>

#include "api/access/acl.hpp"
#include "api/access/password_hash.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

json resource(const std::string& id, const std::string& type, WallTime now) {
  json document;
  document["id"] = id;
  document["resource-type"] = type;
  document["created"] = timestamp(now);
  document["updated"] = document["created"];
  document["created-by"] = "internal";
  return document;
}

json acl_seen_by(const std::string& principal, const char* right) {
  json acl;
  acl["owners"] = json::array({access::admin_claim});
  acl[right] = json::array({principal});
  return access::normalised_acl(acl);
}

std::string text_of(const json& document, const char* name) {
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string identifier_id(const std::string& username) {
  return "user-identifier/" + uuid_of(username);
}

awaitable<std::optional<Account>> find_account(store::Store& store, std::string username) {
  const auto identifier = co_await store.get(identifier_id(username));
  if (!identifier) co_return std::nullopt;
  auto user = co_await store.get(text_of(identifier->document, "parent"));
  if (!user) co_return std::nullopt;
  auto credential = co_await store.get(text_of(user->document, "credential-password"));
  if (!credential) co_return std::nullopt;
  co_return Account{std::move(user->document), std::move(credential->document)};
}

awaitable<bool> is_active_user(store::Store& store, std::string user_id) {
  const auto user = co_await store.get(user_id);
  co_return user&& text_of(user->document, "state") == "ACTIVE";
}

std::vector<std::string> claims_of(const json& user) {
  std::vector<std::string> claims{text_of(user, "id"), std::string(access::user_claim),
                                  std::string(access::anonymous_claim)};
  for (const auto& group : user.value("groups", json::array())) {
    if (group.is_string()) claims.push_back(group.get<std::string>());
  }
  return claims;
}

awaitable<std::optional<std::string>> create_account(store::Store& store, NewAccount account) {
  const auto now = wall_now();
  const auto user_id = "user/" + new_uuid();
  const auto credential_id = "credential/" + new_uuid();
  json user = resource(user_id, "user", now);
  user["name"] = account.username;
  user["state"] = "ACTIVE";
  user["groups"] = account.groups;
  user["credential-password"] = credential_id;
  user["acl"] = acl_seen_by(user_id, "view-data");
  json credential = resource(credential_id, "credential", now);
  credential["subtype"] = "credential-hashed-password";
  credential["parent"] = user_id;
  credential["hash"] = account.password_hash;
  credential["acl"] = acl_seen_by(user_id, "view-meta");
  json identifier = resource(identifier_id(account.username), "user-identifier", now);
  identifier["identifier"] = account.username;
  identifier["parent"] = user_id;
  identifier["acl"] = acl_seen_by(user_id, "view-meta");

  auto taken = std::make_shared<bool>(false);
  std::vector<store::Change> changes(3);
  changes[0].id = identifier["id"];
  changes[0].decide = [taken, identifier](const store::StoredDocument* current) {
    store::Decision decision;
    *taken = current != nullptr;
    if (!*taken) decision.kind = store::Decision::Kind::Put;
    decision.document = identifier;
    return decision;
  };
  std::size_t place = 1;
  for (const json* document : {&user, &credential}) {
    changes[place].id = (*document)["id"];
    changes[place].decide = [taken, put = *document](const store::StoredDocument*) {
      store::Decision decision;
      if (!*taken) decision.kind = store::Decision::Kind::Put;
      decision.document = put;
      return decision;
    };
    ++place;
  }
  co_await store.change(std::move(changes));
  if (*taken) co_return std::nullopt;
  co_return user_id;
}

awaitable<void> set_password(store::Store& store, std::string credential_id, std::string hash) {
  std::vector<store::Change> changes(1);
  changes[0].id = credential_id;
  changes[0].decide = [hash](const store::StoredDocument* current) {
    store::Decision decision;
    if (current == nullptr) return decision;
    decision.kind = store::Decision::Kind::Put;
    decision.document = current->document;
    decision.document["hash"] = hash;
    decision.document["updated"] = timestamp(wall_now());
    return decision;
  };
  co_await store.change(std::move(changes));
}

awaitable<bool> ensure_administrator(store::Store& store, std::string username,
                                     std::string password) {
  const auto account = co_await find_account(store, username);
  if (password.empty()) co_return account.has_value();
  if (!account) {
    NewAccount administrator;
    administrator.username = username;
    administrator.password_hash = access::PasswordHasher::hash(password);
    administrator.groups = {std::string(access::admin_claim)};
    const auto id = co_await create_account(store, std::move(administrator));
    telemetry::info("created the administrator", {{"user", username}});
    co_return id.has_value();
  }
  access::PasswordHasher hasher;
  const auto stored = text_of(account->credential, "hash");
  const auto same = co_await hasher.check(stored, password);
  if (same.value_or(true)) co_return true;
  const auto credential_id = text_of(account->credential, "id");
  auto hash = access::PasswordHasher::hash(password);
  co_await set_password(store, credential_id, std::move(hash));
  telemetry::info("the administrator's password was changed as configured", {{"user", username}});
  co_return true;
}

}  // namespace jobengine::api::cimi
