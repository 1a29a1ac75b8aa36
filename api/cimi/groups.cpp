#include "api/cimi/groups.hpp"

#include <algorithm>

#include "api/access/acl.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

store::SearchRequest everything(const std::string& collection, const std::string& filter) {
  store::SearchRequest request;
  request.collection = collection;
  request.filter = filter::parse(filter);
  request.visibility.everything = true;
  return request;
}

json without(json users, const std::string& user_id) {
  json left = json::array();
  for (auto& user : users) {
    if (user != user_id) left.push_back(std::move(user));
  }
  return left;
}

}  // namespace

std::string group_name_error(const std::string& name) {
  constexpr std::size_t longest = 100;
  char last = '-';
  bool fine = !name.empty() && name.size() <= longest;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    fine = fine && (letter || (c == '-' && last != '-'));
    last = c;
  }
  if (!fine || last == '-') {
    return "expected lower-case letters and digits with single hyphens between, e.g. \"team-a\"";
  }
  const auto id = "group/" + name;
  if (id == access::user_claim || id == access::anonymous_claim) {
    return "everybody is in " + id + ", it has no list of members";
  }
  return {};
}

json group_document(const std::string& id, const std::string& created_by, WallTime now) {
  json group;
  group["id"] = id;
  group["resource-type"] = "group";
  group["created"] = timestamp(now);
  group["updated"] = group["created"];
  group["created-by"] = created_by;
  group["users"] = json::array();
  json acl;
  acl["owners"] = json::array({access::admin_claim});
  if (id != access::admin_claim) acl["view-data"] = json::array({id});
  group["acl"] = access::normalised_acl(acl);
  return group;
}

store::Decide adding_member(const std::string& user_id) {
  return [user_id](const store::StoredDocument* current) {
    store::Decision decision;
    if (current == nullptr) return decision;
    decision.document = current->document;
    auto users = without(current->document.value("users", json::array()), user_id);
    users.push_back(user_id);
    decision.document["users"] = std::move(users);
    decision.document["updated"] = timestamp(wall_now());
    decision.kind = store::Decision::Kind::Put;
    return decision;
  };
}

awaitable<void> ensure_administrators_group(store::Store& store) {
  const std::string id(access::admin_claim);
  const auto there = co_await store.get(id);
  if (there) co_return;
  auto marked = everything("user", "groups='" + id + "'");
  const auto administrators = co_await store.search(std::move(marked));
  auto group = group_document(id, "internal", wall_now());
  group["name"] = "Administrators";
  for (const auto& one : administrators.rows) group["users"].push_back(one.id);
  std::vector<store::Change> changes(1);
  changes[0].id = id;
  changes[0].decide = [group](const store::StoredDocument* current) {
    store::Decision decision;
    if (current == nullptr) decision.kind = store::Decision::Kind::Put;
    decision.document = group;
    return decision;
  };
  co_await store.change(std::move(changes));
  store::Decide drop_mark = [](const store::StoredDocument* current) {
    store::Decision decision;
    decision.kind = store::Decision::Kind::Put;
    decision.document = current->document;
    decision.document.erase("groups");
    return decision;
  };
  auto with_mark = everything("user", "groups!=null");
  co_await store.change_matching(std::move(with_mark), std::move(drop_mark));
}

awaitable<void> leave_all_groups(store::Store& store, std::string user_id) {
  store::Decide leave = [user_id](const store::StoredDocument* current) {
    store::Decision decision;
    decision.kind = store::Decision::Kind::Put;
    decision.document = current->document;
    decision.document["users"] = without(current->document.value("users", json::array()), user_id);
    return decision;
  };
  auto memberships = everything("group", "users='" + user_id + "'");
  co_await store.change_matching(std::move(memberships), std::move(leave));
}

}  // namespace jobengine::api::cimi
