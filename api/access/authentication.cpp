#include "api/access/authentication.hpp"

#include <algorithm>
#include <sstream>

#include "api/access/standing.hpp"
#include "api/cimi/timestamp.hpp"
#include "api/http/form.hpp"

namespace jobengine::api::access {
namespace {

using nlohmann::json;

// How long what the store says of a session is believed. What this server changes itself counts at
// once.
constexpr auto session_believed = std::chrono::seconds(10);
constexpr std::size_t most_sessions_remembered = 10000;
// One takes about a kilobyte.
constexpr std::size_t most_cookies_remembered = 2000;

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

bool holds(const std::vector<std::string>& claims, const std::string& claim) {
  return std::find(claims.begin(), claims.end(), claim) != claims.end();
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
  if (!cookies || request.header("sec-fetch-site") == "cross-site") co_return anonymous();
  const auto value = cookie_of(*cookies);
  if (!value) co_return anonymous();
  std::string cookie(*value);
  const auto vouched = co_await vouched_by(std::move(cookie));
  co_return vouched ? vouched->identity : anonymous();
}

std::shared_ptr<const Authentication::Vouched> Authentication::remembered(
    const std::string& cookie) {
  const std::lock_guard lock(mutex_);
  const auto known = vouched_.find(cookie);
  return known == vouched_.end() ? nullptr : known->second;
}

// Nothing: for nobody.
awaitable<std::shared_ptr<const Authentication::Vouched>> Authentication::vouched_by(
    std::string cookie) {
  const auto known = remembered(cookie);
  if (known && now_seconds() < known->identity.expiry) {
    const auto held = co_await claims_of(known->identity.session);
    if (!held) co_return nullptr;
    if (held == known->held) co_return known;
  }
  const auto claims = tokens_.verify(cookie, now_seconds());
  if (!claims) co_return nullptr;
  const auto session = text_of(*claims, "session");
  const auto user_id = text_of(*claims, "user-id");
  if (user_id.empty()) co_return nullptr;
  const auto held = co_await claims_of(session);
  if (!held) co_return nullptr;
  const auto active_claim = text_of(*claims, "active-claim");
  const bool still = active_claim.empty() || active_claim == user_id || holds(*held, active_claim);
  if (!still) co_return nullptr;
  auto both = words_of(text_of(*claims, "claims"));
  std::erase_if(both, [&](const std::string& claim) { return !holds(*held, claim); });
  const auto vouched = std::make_shared<Vouched>();
  vouched->identity = make_identity(user_id, active_claim, std::move(both), session);
  vouched->identity.expiry = claims->value("exp", std::int64_t{0});
  vouched->held = held;
  const std::lock_guard lock(mutex_);
  if (vouched_.size() >= most_cookies_remembered) vouched_.clear();
  vouched_[std::move(cookie)] = vouched;
  co_return vouched;
}

awaitable<bool> Authentication::still_holds(Identity identity) {
  if (identity.expiry == 0) co_return true;
  if (now_seconds() >= identity.expiry) co_return false;
  const auto held = co_await claims_of_session(store_, identity.session);
  if (!held) co_return false;
  std::erase_if(identity.claims, [&](const std::string& claim) {
    return claim == identity.user_id || claim == anonymous_claim || claim == identity.session ||
           holds(*held, claim);
  });
  co_return identity.claims.empty();
}

awaitable<std::shared_ptr<const Authentication::Claims>> Authentication::claims_of(
    std::string session) {
  if (!session.starts_with("session/")) co_return nullptr;
  const auto now = runtime::Clock::now();
  std::uint64_t read_at = 0;
  {
    const std::lock_guard lock(mutex_);
    read_at = changes_;
    const auto known = seen_.find(session);
    if (known != seen_.end() && now < known->second.until) co_return known->second.claims;
  }
  auto claims = co_await claims_of_session(store_, session);
  if (!claims) co_return nullptr;
  Seen seen;
  seen.claims = std::make_shared<const Claims>(std::move(*claims));
  seen.until = now + session_believed;
  const std::lock_guard lock(mutex_);
  if (seen_.size() >= most_sessions_remembered) seen_.clear();
  if (read_at == changes_) seen_[session] = seen;
  co_return seen.claims;
}

void Authentication::forget() {
  const std::lock_guard lock(mutex_);
  ++changes_;
  seen_.clear();
  vouched_.clear();
}

void Authentication::forget(const std::string& session) {
  const std::lock_guard lock(mutex_);
  ++changes_;
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
  text += "; Path=/; HttpOnly; SameSite=Strict; Expires=" + cimi::http_date(ends);
  if (transport == Transport::Tls) text += "; Secure";
  return text;
}

std::string Authentication::cookie_for_nobody() {
  return std::string(cookie_name) + "=INVALID; Path=/; HttpOnly; SameSite=Strict; Max-Age=0";
}

}  // namespace jobengine::api::access
