// The value of the session cookie: a JSON Web Token signed with HMAC-SHA-256 (RFC 7519, HS256).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace jobengine::api::access {

inline constexpr std::string_view cookie_name = "com.com.sixsq.nuvla.cookie";

// Immutable. [any thread]
class SessionTokens {
 public:
  explicit SessionTokens(std::string key) : key_(std::move(key)) {}

  // `claims` must hold `exp` (seconds since 1970).
  std::string issue(const nlohmann::json& claims) const;
  // The claims of a token we signed that is not expired; nothing for anything else. The algorithm a
  // token names is not believed: only ours is checked.
  std::optional<nlohmann::json> verify(std::string_view token, std::int64_t now_seconds) const;

 private:
  std::string key_;
};

// The value of our cookie in a Cookie header; nothing when it is not in there.
std::optional<std::string_view> cookie_of(std::string_view header);

std::string base64url(std::string_view bytes);
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace jobengine::api::access
