#include "api/cimi/login.hpp"

#include <algorithm>

#include "api/access/secrets.hpp"
#include "api/access/standing.hpp"
#include "api/cimi/account_edit.hpp"
#include "api/cimi/accounts.hpp"
#include "api/cimi/cimi_error.hpp"
#include "api/cimi/credential_collection.hpp"
#include "api/cimi/schema.hpp"
#include "common/telemetry/log.hpp"

namespace jobengine::api::cimi {
namespace {

using nlohmann::json;

std::string wanted_text(const json& wanted, const char* name) {
  const auto found = wanted.find(name);
  if (found == wanted.end() || check::non_blank(*found) != nullptr) {
    throw bad_request(std::string("template/") + name + ": expected a string that is not blank");
  }
  return found->get<std::string>();
}

bool is_among(const std::vector<std::string>& claims, const std::string& claim) {
  return std::find(claims.begin(), claims.end(), claim) != claims.end();
}

bool is_key(const json& credential, const std::string& secret) {
  return credential.value("subtype", std::string()) == "credential-api-key" &&
         access::equal_in_constant_time(credential.value("digest", std::string()),
                                        secret_digest(secret));
}

}  // namespace

Logins::Logins(store::Store& store, access::PasswordHasher& hasher, access::LoginLimits& limits,
               LoginObserver observer)
    : store_(store), hasher_(hasher), limits_(limits), observer_(std::move(observer)) {}

awaitable<Login> Logins::log_in(json wanted, std::string client) {
  const auto href = wanted_text(wanted, "href");
  if (href == "session-template/password") {
    return by_password(std::move(wanted), std::move(client));
  }
  if (href == "session-template/api-key") {
    return by_api_key(std::move(wanted), std::move(client));
  }
  throw bad_request(
      "template/href: expected \"session-template/password\" or \"session-template/api-key\"");
}

void Logins::expect_no_wait(const std::string& name, const std::string& client) {
  const auto wait = limits_.wait_of(name, client);
  if (wait.count() == 0) return;
  observer_(LoginOutcome::Limited);
  throw too_many_attempts(wait);
}

void Logins::refuse(const std::string& name, const std::string& client) {
  limits_.failed(name, client);
  observer_(LoginOutcome::Refused);
  constexpr std::size_t longest_logged = 200;
  telemetry::info("a login was refused",
                  {{"user", name.substr(0, longest_logged)}, {"address", client}});
  throw CimiError(403, "invalid credentials for '" + name + "'");
}

void Logins::accept(const std::string& name) {
  limits_.succeeded(name);
  observer_(LoginOutcome::Accepted);
}

awaitable<Login> Logins::by_password(json wanted, std::string client) {
  expect_only(wanted, {"href", "username", "password"}, "template/");
  const auto username = wanted_text(wanted, "username");
  auto password = wanted_text(wanted, "password");
  expect_no_wait(username, client);
  const auto account = co_await find_account(store_, username);
  std::string hash;
  if (account) hash = account->credential.value("hash", std::string());
  const auto same = co_await hasher_.check(std::move(hash), std::move(password));
  if (!same) throw CimiError(503, "too many logins at once, try again");
  expect_no_wait(username, client);
  if (!*same) refuse(username, client);
  const auto user_id = account->user["id"].get<std::string>();
  auto claims = co_await access::claims_of_user(store_, user_id);
  if (!claims) refuse(username, client);
  accept(username);
  Login login;
  login.identity = access::make_identity(user_id, {}, std::move(*claims), {});
  login.identifier = username;
  login.method = "password";
  co_return login;
}

awaitable<Login> Logins::by_api_key(json wanted, std::string client) {
  expect_only(wanted, {"href", "key", "secret"}, "template/");
  const auto key = wanted_text(wanted, "key");
  const auto secret = wanted_text(wanted, "secret");
  const auto id = key.starts_with("credential/") ? key : "credential/" + key;
  expect_no_wait(id, client);
  const auto stored = co_await store_.get(id);
  const json credential = stored ? stored->document : json::object();
  if (!is_key(credential, secret)) refuse(id, client);
  auto roles = co_await access::claims_of_key(store_, credential);
  if (!roles) refuse(id, client);
  const auto claims = credential.value("claims", json::object());
  const auto acts_as = claims.value("active-claim", std::string());
  if (!acts_as.empty() && !is_among(*roles, acts_as)) refuse(id, client);
  accept(id);
  Login login;
  login.identity = access::make_identity(claims.value("identity", std::string()), acts_as,
                                         std::move(*roles), {});
  login.identifier = id;
  login.method = "api-key";
  login.latest = parse_timestamp(credential.value("expiry", std::string()));
  co_return login;
}

}  // namespace jobengine::api::cimi
