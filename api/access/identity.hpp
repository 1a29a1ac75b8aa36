// Who makes a request: user, active claim and claims (spec 3.3). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace jobengine::api::access {

inline constexpr std::string_view admin_claim = "group/nuvla-admin";
inline constexpr std::string_view user_claim = "group/nuvla-user";
inline constexpr std::string_view anonymous_claim = "group/nuvla-anon";

struct Identity {
  std::string user_id;
  std::string active_claim;
  std::vector<std::string> claims;  // without doubles
  std::string session;              // "session/<uuid>"; "" when there is none
  // Until when a cookie vouches for all this, seconds since 1970; 0: it was no cookie.
  std::int64_t expiry = 0;

  bool has(std::string_view claim) const;
  bool is_admin() const { return has(admin_claim); }
  // The owner of what this identity makes.
  std::string owner() const { return active_claim.empty() ? user_id : active_claim; }
};

Identity anonymous();
Identity make_identity(std::string user_id, std::string active_claim,
                       std::vector<std::string> further_claims, std::string session);

// The value of a nuvla-authn-info header: user-id, active claim (default: the user-id), further
// claims, blanks between. Anonymous for a blank value.
Identity read_authn_info(std::string_view value);

}  // namespace jobengine::api::access
