#include "api/cimi/user_collection.hpp"

#include "api/cimi/account_descriptions.hpp"
#include "api/cimi/account_edit.hpp"
#include "api/cimi/accounts.hpp"
#include "api/cimi/answers.hpp"
#include "api/cimi/groups.hpp"
#include "api/cimi/password_rules.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

access::CollectionAcl user_acl() {
  access::CollectionAcl acl;
  acl.query = {std::string(access::user_claim)};
  acl.add = {std::string(access::admin_claim)};
  return acl;
}

std::vector<std::string> groups_of(const json& wanted) {
  std::vector<std::string> groups;
  const auto given = wanted.find("groups");
  if (given == wanted.end()) return groups;
  constexpr std::size_t most = 100;
  bool fine = given->is_array() && given->size() <= most;
  for (const auto& group : *given) {
    fine = fine && group.is_string() && group.get_ref<const std::string&>().starts_with("group/");
    if (fine) groups.push_back(group.get<std::string>());
  }
  if (!fine) throw bad_request("template/groups: expected an array such as [\"group/team-a\"]");
  return groups;
}

// Throws CimiError 400 for what cannot become a user.
NewAccount account_of(const json& body, const access::Identity& who) {
  const auto& wanted = expected_template(body, "user-template/username-password",
                                         {"username", "password", "groups"});
  expect_only(body, {"template", "description", "tags"}, "");
  NewAccount account;
  account.username = template_text(body, "username");
  const auto name_error = username_error(account.username);
  if (!name_error.empty()) throw bad_request("template/username: " + name_error);
  const auto error = password_error(template_text(body, "password"), account.username);
  if (!error.empty()) throw bad_request("template/password: " + error);
  account.groups = groups_of(wanted);
  account.created_by = who.user_id;
  account.descriptive = descriptive_part(body);
  return account;
}

// The last administrator must not lock everybody out with one request; whoever else administers,
// can. Throws CimiError 409.
void expect_another(const std::string& id, const access::Identity& who, const std::string& what) {
  if (!who.is_admin() || id != who.user_id) return;
  throw CimiError(409, id + " is you: only another administrator can " + what + " it", id);
}

// Everything in that collection for which `attribute` is the user.
awaitable<void> remove_all_of(store::Store& store, std::string collection, std::string attribute,
                              std::string user_id) {
  store::SearchRequest request;
  request.collection = collection;
  request.filter = filter::parse(attribute + "='" + user_id + "'");
  request.visibility.everything = true;
  co_await store.remove_matching(std::move(request));
}

}  // namespace

UserCollection::UserCollection(store::Store& store, access::Authentication& authentication,
                               access::PasswordHasher& hasher)
    : Collection(store, "user", user_acl()), authentication_(authentication), hasher_(hasher) {}

Description UserCollection::description() const {
  return described_user(Collection::description());
}

json UserCollection::new_document(const Call& /*call*/, const std::string& /*id*/,
                                  WallTime /*now*/) {
  return nullptr;  // add() makes three documents instead
}

json UserCollection::edited_document(const json& current, const Call& call, WallTime now) {
  const auto state = call.body.find("state");
  if (state != call.body.end() && *state != "ACTIVE" && *state != "SUSPENDED") {
    throw bad_request("state: expected \"ACTIVE\" or \"SUSPENDED\"", call.route.resource_id());
  }
  const AttributeNames editable{"state", "description", "tags"};
  return edited_account(current, call, now, editable);
}

awaitable<http::Response> UserCollection::add(Call call) {
  if (!call.who.is_admin()) throw credentials_required();
  auto account = account_of(body_object(call), call.who);
  auto password = template_text(call.body, "password");
  auto hash = co_await hasher_.hash_in_turn(std::move(password));
  if (!hash) throw CimiError(503, "too many logins at once, try again");
  account.password_hash = std::move(*hash);
  const auto username = account.username;
  const auto made = co_await create_account(store(), std::move(account));
  if (made.name_taken) throw CimiError(409, "conflict with " + identifier_id(username));
  if (!made.missing_group.empty()) {
    throw bad_request("template/groups: there is no " + made.missing_group);
  }
  authentication_.forget();
  co_return created_response(made.id);
}

awaitable<http::Response> UserCollection::edit(Call call) {
  const auto id = call.route.resource_id();
  const bool suspends = call.body.is_object() && call.body.value("state", json()) == "SUSPENDED";
  if (suspends) expect_another(id, call.who, "suspend");
  auto response = co_await Collection::edit(std::move(call));
  if (suspends) co_await end_sessions(store(), id, std::string());
  authentication_.forget();
  co_return response;
}

awaitable<http::Response> UserCollection::remove(Call call) {
  const auto id = call.route.resource_id();
  expect_another(id, call.who, "remove");
  auto response = co_await Collection::remove(std::move(call));
  // Without the user none of it is worth anything; this only clears up.
  authentication_.forget();
  co_await remove_all_of(store(), "user-identifier", "parent", id);
  co_await remove_all_of(store(), "credential", "parent", id);
  co_await remove_all_of(store(), "credential", "claims/identity", id);
  co_await end_sessions(store(), id, std::string());
  co_await leave_all_groups(store(), id);
  authentication_.forget();
  co_return response;
}

}  // namespace jobengine::api::cimi
