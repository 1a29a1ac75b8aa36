#include "api/access/standing.hpp"

#include <algorithm>

#include "api/cimi/timestamp.hpp"

namespace jobengine::api::access {
namespace {

using nlohmann::json;
using Claims = std::vector<std::string>;

std::string text_of(const json& document, const char* name) {
  const auto found = document.find(name);
  return found != document.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool holds(const Claims& claims, const std::string& claim) {
  return std::find(claims.begin(), claims.end(), claim) != claims.end();
}

// Without an expiry there is no end; one that cannot be read has passed.
bool is_over(const json& document) {
  const auto expiry = document.find("expiry");
  if (expiry == document.end()) return false;
  const auto end = cimi::parse_timestamp(text_of(document, "expiry"));
  return !end || *end <= cimi::wall_now();
}

Claims roles_of(const json& credential) {
  Claims roles;
  const auto claims = credential.find("claims");
  if (claims == credential.end() || !claims->is_object()) return roles;
  const auto found = claims->find("roles");
  if (found == claims->end() || !found->is_array()) return roles;
  for (const auto& role : *found) {
    if (role.is_string()) roles.push_back(role.get<std::string>());
  }
  return roles;
}

}  // namespace

awaitable<Claims> groups_of_user(store::Store& store, std::string user_id) {
  Claims groups;
  if (!user_id.starts_with("user/") || user_id.find('\'') != std::string::npos) co_return groups;
  store::SearchRequest memberships;
  memberships.collection = "group";
  memberships.filter = filter::parse("users='" + user_id + "'");
  memberships.visibility.everything = true;
  memberships.only = Claims(1, "id");
  const auto found = co_await store.search(std::move(memberships));
  for (const auto& group : found.rows) groups.push_back(group.id);
  std::sort(groups.begin(), groups.end());
  co_return groups;
}

awaitable<std::optional<Claims>> claims_of_user(store::Store& store, std::string user_id) {
  const auto user = co_await store.get(user_id);
  if (!user || text_of(user->document, "state") != "ACTIVE") co_return std::nullopt;
  Claims claims(1, user_id);
  claims.emplace_back(user_claim);
  claims.emplace_back(anonymous_claim);
  const auto groups = co_await groups_of_user(store, user_id);
  claims.insert(claims.end(), groups.begin(), groups.end());
  co_return claims;
}

awaitable<std::optional<Claims>> claims_of_key(store::Store& store, json credential) {
  if (is_over(credential)) co_return std::nullopt;
  auto roles = roles_of(credential);
  const auto identity = text_of(credential.value("claims", json::object()), "identity");
  // Made by somebody behind the proxy who is no user of this store: nothing to compare with.
  if (!identity.starts_with("user/")) co_return roles;
  const auto current = co_await claims_of_user(store, identity);
  if (!current) co_return std::nullopt;
  std::erase_if(roles, [&](const std::string& role) { return !holds(*current, role); });
  co_return roles;
}

awaitable<std::optional<Claims>> claims_of_session(store::Store& store, std::string session_id) {
  const auto session = co_await store.get(session_id);
  if (!session || is_over(session->document)) co_return std::nullopt;
  std::optional<Claims> claims;
  if (text_of(session->document, "method") == "api-key") {
    const auto key = co_await store.get(text_of(session->document, "identifier"));
    if (!key) co_return std::nullopt;
    claims = co_await claims_of_key(store, key->document);
  } else {
    claims = co_await claims_of_user(store, text_of(session->document, "user"));
  }
  co_return claims;
}

Claims claims_while_acting_as(const std::string& active_claim, const std::string& user_id,
                              const Claims& all) {
  if (active_claim.empty() || active_claim == user_id) return all;
  Claims claims;
  for (const auto& claim : all) {
    const bool kept = claim == user_id || claim == active_claim || claim == user_claim ||
                      claim == anonymous_claim;
    if (kept) claims.push_back(claim);
  }
  return claims;
}

}  // namespace jobengine::api::access
