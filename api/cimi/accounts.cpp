#include "api/cimi/accounts.hpp"

#include <memory>

#include "api/access/acl.hpp"
#include "api/access/password_hash.hpp"
#include "api/cimi/groups.hpp"
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

struct AccountDocuments {
  json user;
  json credential;
  json identifier;
};

AccountDocuments documents_of(const NewAccount& account, WallTime now) {
  const auto user_id = "user/" + new_uuid();
  const auto credential_id = "credential/" + new_uuid();
  AccountDocuments made;
  made.user = resource(user_id, "user", now);
  made.user["created-by"] = account.created_by;
  made.user["name"] = account.username;
  made.user["state"] = "ACTIVE";
  made.user["credential-password"] = credential_id;
  made.user["acl"] = acl_seen_by(user_id, "view-data");
  made.user.update(account.descriptive);
  made.credential = resource(credential_id, "credential", now);
  made.credential["subtype"] = "credential-hashed-password";
  made.credential["parent"] = user_id;
  made.credential["hash"] = account.password_hash;
  made.credential["acl"] = acl_seen_by(user_id, "view-meta");
  made.identifier = resource(identifier_id(account.username), "user-identifier", now);
  made.identifier["identifier"] = account.username;
  made.identifier["parent"] = user_id;
  made.identifier["acl"] = acl_seen_by(user_id, "view-meta");
  return made;
}

store::Decision put_of(const json& document) {
  store::Decision decision;
  decision.kind = store::Decision::Kind::Put;
  decision.document = document;
  return decision;
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

awaitable<AccountMade> create_account(store::Store& store, NewAccount account) {
  const auto documents = documents_of(account, wall_now());
  const auto made = std::make_shared<AccountMade>();
  std::vector<store::Change> changes;
  // What may be against it is looked at first, what is made comes behind.
  store::Change name;
  name.id = documents.identifier["id"];
  name.decide = [made](const store::StoredDocument* current) {
    *made = AccountMade();
    made->name_taken = current != nullptr;
    return store::Decision();
  };
  changes.push_back(std::move(name));
  for (const auto& group : account.groups) {
    store::Change check;
    check.id = group;
    check.decide = [made, group](const store::StoredDocument* current) {
      if (current == nullptr) made->missing_group = group;
      return store::Decision();
    };
    changes.push_back(std::move(check));
  }
  const auto refused = [made] { return made->name_taken || !made->missing_group.empty(); };
  for (const json* document : {&documents.identifier, &documents.user, &documents.credential}) {
    auto& put = changes.emplace_back();
    put.id = (*document)["id"];
    put.decide = [refused, document = *document](const store::StoredDocument*) {
      return refused() ? store::Decision() : put_of(document);
    };
  }
  const auto user_id = documents.user["id"].get<std::string>();
  for (const auto& group : account.groups) {
    store::Change join;
    join.id = group;
    join.decide = [refused, add = adding_member(user_id)](const store::StoredDocument* current) {
      return refused() ? store::Decision() : add(current);
    };
    changes.push_back(std::move(join));
  }
  co_await store.change(std::move(changes));
  AccountMade result = *made;
  if (!result.name_taken && result.missing_group.empty()) result.id = user_id;
  co_return result;
}

awaitable<bool> set_password(store::Store& store, std::string credential_id, std::string hash,
                             std::string expected_hash) {
  const auto done = std::make_shared<bool>(false);
  std::vector<store::Change> changes(1);
  changes[0].id = credential_id;
  changes[0].decide = [done, hash, expected_hash](const store::StoredDocument* current) {
    store::Decision decision;
    *done = current != nullptr &&
            (expected_hash.empty() || text_of(current->document, "hash") == expected_hash);
    if (!*done) return decision;
    decision.kind = store::Decision::Kind::Put;
    decision.document = current->document;
    decision.document["hash"] = hash;
    decision.document["updated"] = timestamp(wall_now());
    return decision;
  };
  co_await store.change(std::move(changes));
  co_return *done;
}

awaitable<void> end_sessions(store::Store& store, std::string user_id, std::string kept) {
  store::SearchRequest sessions;
  sessions.collection = "session";
  std::string filter = "user='" + user_id + "'";
  if (!kept.empty()) filter += " and id!='" + kept + "'";
  sessions.filter = filter::parse(filter);
  sessions.visibility.everything = true;
  co_await store.remove_matching(std::move(sessions));
}

awaitable<bool> ensure_administrator(store::Store& store, std::string username,
                                     std::string password) {
  co_await ensure_administrators_group(store);
  const auto account = co_await find_account(store, username);
  if (password.empty()) co_return account.has_value();
  if (!account) {
    NewAccount administrator;
    administrator.username = username;
    administrator.password_hash = access::PasswordHasher::hash(password);
    administrator.groups = {std::string(access::admin_claim)};
    const auto made = co_await create_account(store, std::move(administrator));
    telemetry::info("created the administrator", {{"user", username}});
    co_return !made.id.empty();
  }
  access::PasswordHasher hasher;
  const auto stored = text_of(account->credential, "hash");
  const auto same = co_await hasher.check(stored, password);
  if (same.value_or(true)) co_return true;
  const auto credential_id = text_of(account->credential, "id");
  auto hash = access::PasswordHasher::hash(password);
  co_await set_password(store, credential_id, std::move(hash), std::string());
  telemetry::info("the administrator's password was changed as configured", {{"user", username}});
  co_return true;
}

}  // namespace jobengine::api::cimi
