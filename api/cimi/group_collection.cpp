#include "api/cimi/group_collection.hpp"

#include <algorithm>
#include <memory>
#include <set>

#include "api/cimi/account_descriptions.hpp"
#include "api/cimi/account_edit.hpp"
#include "api/cimi/answers.hpp"
#include "api/cimi/groups.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

constexpr std::size_t most_members = 10000;

access::CollectionAcl group_acl() {
  access::CollectionAcl acl;
  acl.query = {std::string(access::user_claim)};
  acl.add = {std::string(access::admin_claim)};
  return acl;
}

// Throws CimiError 400 unless it is an array of distinct ids of users.
void expect_user_ids(const json& users, const std::string& id) {
  std::set<std::string> seen;
  bool fine = users.is_array() && users.size() <= most_members;
  for (const auto& user : users) {
    fine = fine && user.is_string() && user.get_ref<const std::string&>().starts_with("user/") &&
           seen.insert(user.get<std::string>()).second;
  }
  if (fine) return;
  throw bad_request("users: expected an array of at most " + std::to_string(most_members) +
                        " distinct ids such as \"user/0195e9a2-5c1b-7d2e-9f00-3a5b7c9d1e2f\"",
                    id);
}

// The last administrator must not lock everybody out with one request. Throws CimiError 409.
void expect_stays_administrator(const json& users, const std::string& id,
                                const access::Identity& who) {
  if (id != access::admin_claim || !who.is_admin()) return;
  if (std::find(users.begin(), users.end(), who.user_id) != users.end()) return;
  throw CimiError(
      409, "users: " + who.user_id + " is you: only another administrator can take it out of " + id,
      id);
}

}  // namespace

GroupCollection::GroupCollection(store::Store& store, access::Authentication& authentication)
    : Collection(store, "group", group_acl()), authentication_(authentication) {}

Description GroupCollection::description() const {
  return described_group(Collection::description());
}

json GroupCollection::new_document(const Call& call, const std::string& id, WallTime now) {
  auto group = group_document(id, call.who.user_id, now);
  group.update(descriptive_part(call.body));
  if (call.body.contains("users")) group["users"] = call.body["users"];
  return group;
}

json GroupCollection::edited_document(const json& current, const Call& call, WallTime now) {
  const AttributeNames editable{"name", "description", "tags", "users"};
  return edited_account(current, call, now, editable);
}

awaitable<void> GroupCollection::expect_users(json users, json known, std::string id) {
  expect_user_ids(users, id);
  std::set<std::string> there;
  for (const auto& user : known) there.insert(user.get<std::string>());
  for (const auto& user : users) {
    const auto user_id = user.get<std::string>();
    if (there.contains(user_id)) continue;
    const auto found = co_await store().get(user_id);
    if (!found) throw bad_request("users: there is no " + user_id, id);
  }
}

awaitable<http::Response> GroupCollection::add(Call call) {
  if (!call.who.is_admin()) throw credentials_required();
  const auto& body = body_object(call);
  expected_template(body, "group-template/generic", {"group-identifier"});
  expect_only(body, {"template", "name", "description", "tags", "users"}, "");
  const auto name = template_text(body, "group-identifier");
  const auto error = group_name_error(name);
  if (!error.empty()) throw bad_request("template/group-identifier: " + error);
  const auto id = "group/" + name;
  auto users = body.value("users", json::array());
  co_await expect_users(std::move(users), json::array(), id);
  const auto document = new_document(call, id, wall_now());
  const auto taken = std::make_shared<bool>(false);
  std::vector<store::Change> changes(1);
  changes[0].id = id;
  changes[0].decide = [document, taken](const store::StoredDocument* current) {
    store::Decision decision;
    *taken = current != nullptr;
    if (!*taken) decision.kind = store::Decision::Kind::Put;
    decision.document = document;
    return decision;
  };
  co_await store().change(std::move(changes));
  if (*taken) throw CimiError(409, "conflict with " + id, id);
  authentication_.forget();
  co_return created_response(id);
}

awaitable<http::Response> GroupCollection::edit(Call call) {
  const auto id = call.route.resource_id();
  if (call.body.is_object() && call.body.contains("users")) {
    const auto current = co_await visible(id, call.who);
    if (!access::may_edit(current.document["acl"], call.who)) throw forbidden(id);
    auto wanted = call.body["users"];
    auto known = current.document.value("users", json::array());
    const bool was_in = std::find(known.begin(), known.end(), call.who.user_id) != known.end();
    co_await expect_users(wanted, std::move(known), id);
    if (was_in) expect_stays_administrator(wanted, id, call.who);
  }
  auto response = co_await Collection::edit(std::move(call));
  authentication_.forget();
  co_return response;
}

awaitable<http::Response> GroupCollection::remove(Call call) {
  const auto id = call.route.resource_id();
  if (id == access::admin_claim && call.who.is_admin()) {
    throw CimiError(409, id + " cannot be deleted: nobody could administer anything", id);
  }
  auto response = co_await Collection::remove(std::move(call));
  authentication_.forget();
  co_return response;
}

}  // namespace jobengine::api::cimi
