#include "api/access/authentication.hpp"

#include <sstream>

#include "api/cimi/timestamp.hpp"
#include "api/http/form.hpp"

namespace jobengine::api::access {
namespace {

using nlohmann::json;

// How long a session whose user was suspended, or that another server on the same store ended, may
// go on.
constexpr auto session_believed = std::chrono::seconds(10);
constexpr std::size_t most_sessions_remembered = 10000;

std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  std::string word;
  while (stream >> word) words.push_back(word);
  return words;
}

std::string text_of(const json& claims, const char* name) {
  const auto found = claims.find(name);
  return found != claims.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Authentication::Authentication(store::Store& store, std::string key, AuthnHeader header,
                               std::chrono::seconds session_lifetime)
    : store_(store),
      tokens_(std::move(key)),
      header_(header),
      session_lifetime_(session_lifetime) {}

awaitable<Identity> Authentication::identify(const http::Request& request) {
  const auto header = request.header("nuvla-authn-info");
  if (header && header_ == AuthnHeader::Trusted && http::is_utf8(*header)) {
    auto identity = read_authn_info(*header);
    if (!identity.user_id.empty()) co_return identity;
  }
  const auto cookies = request.header("cookie");
  if (!cookies) co_return anonymous();
  const auto value = cookie_of(*cookies);
  if (!value) co_return anonymous();
  const auto claims = tokens_.verify(*value, now_seconds());
  if (!claims) co_return anonymous();
  const auto session = text_of(*claims, "session");
  const auto user_id = text_of(*claims, "user-id");
  if (user_id.empty()) co_return anonymous();
  const bool holds = co_await session_holds(session);
  if (!holds) co_return anonymous();
  co_return make_identity(user_id, text_of(*claims, "active-claim"),
                          words_of(text_of(*claims, "claims")), session);
}

awaitable<bool> Authentication::session_holds(std::string session) {
  if (!session.starts_with("session/")) co_return false;
  const auto now = runtime::Clock::now();
  {
    const std::lock_guard lock(mutex_);
    const auto known = seen_.find(session);
    if (known != seen_.end() && now < known->second) co_return true;
  }
  const bool holds = co_await stands_in_store(session);
  const std::lock_guard lock(mutex_);
  if (seen_.size() >= most_sessions_remembered) seen_.clear();
  if (holds) seen_[session] = now + session_believed;
  co_return holds;
}

awaitable<bool> Authentication::stands_in_store(std::string session) {
  const auto stored = co_await store_.get(session);
  if (!stored) co_return false;
  const auto user = text_of(stored->document, "user");
  if (!user.starts_with("user/")) co_return true;
  const auto account = co_await store_.get(user);
  co_return account&& text_of(account->document, "state") == "ACTIVE";
}

void Authentication::forget(const std::string& session) {
  const std::lock_guard lock(mutex_);
  seen_.erase(session);
}

std::string Authentication::cookie(const Identity& identity, std::int64_t expiry,
                                   Transport transport) const {
  json claims;
  claims["user-id"] = identity.user_id;
  claims["active-claim"] = identity.active_claim;
  claims["claims"] = joined(identity.claims);
  claims["session"] = identity.session;
  claims["exp"] = expiry;
  const auto ends = cimi::WallTime(std::chrono::seconds(expiry));
  std::string text = std::string(cookie_name) + "=" + tokens_.issue(claims);
  text += "; Path=/; HttpOnly; SameSite=Lax; Expires=" + cimi::http_date(ends);
  if (transport == Transport::Tls) text += "; Secure";
  return text;
}

std::string Authentication::cookie_for_nobody() {
  return std::string(cookie_name) + "=INVALID; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";
}

}  // namespace jobengine::api::access
