#include "api/access/identity.hpp"

#include <algorithm>
#include <sstream>

namespace jobengine::api::access {
namespace {

void add_claim(std::vector<std::string>& claims, std::string claim) {
  if (std::find(claims.begin(), claims.end(), claim) == claims.end()) {
    claims.push_back(std::move(claim));
  }
}

}  // namespace

bool Identity::has(std::string_view claim) const {
  return std::find(claims.begin(), claims.end(), claim) != claims.end();
}

Identity anonymous() {
  Identity identity;
  identity.claims = {std::string(anonymous_claim)};
  return identity;
}

Identity make_identity(std::string user_id, std::string active_claim,
                       std::vector<std::string> further_claims, std::string session) {
  Identity identity;
  add_claim(identity.claims, user_id);
  add_claim(identity.claims, std::string(anonymous_claim));
  for (auto& claim : further_claims) add_claim(identity.claims, std::move(claim));
  // Lets the session see itself (its acl names it).
  if (!session.empty()) add_claim(identity.claims, session);
  identity.active_claim = active_claim.empty() ? user_id : std::move(active_claim);
  identity.user_id = std::move(user_id);
  identity.session = std::move(session);
  return identity;
}

Identity read_authn_info(std::string_view value) {
  std::istringstream words{std::string(value)};
  std::string user_id;
  if (!(words >> user_id)) return anonymous();
  std::string active_claim;
  words >> active_claim;
  std::vector<std::string> claims;
  std::string session;
  std::string claim;
  while (words >> claim) {
    if (claim.starts_with("session/")) session = claim;
    claims.push_back(claim);
  }
  if (active_claim.starts_with("session/")) session = active_claim;
  return make_identity(std::move(user_id), std::move(active_claim), std::move(claims),
                       std::move(session));
}

}  // namespace jobengine::api::access
