// Whether somebody is who they say: by password, by API key (spec 3.3), as often as the limits let.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "api/access/identity.hpp"
#include "api/access/login_limits.hpp"
#include "api/access/password_hash.hpp"
#include "api/cimi/timestamp.hpp"
#include "api/store/store.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::api::cimi {

enum class LoginOutcome { Accepted, Refused, Limited };
using LoginObserver = std::function<void(LoginOutcome)>;

struct Login {
  access::Identity identity;
  std::string identifier;          // what was logged in with
  std::string method;              // "password", "api-key"
  std::optional<WallTime> latest;  // the session ends then at the latest
};

// [any thread]
class Logins {
 public:
  // All must outlive it; the observer is called on any thread.
  Logins(store::Store& store, access::PasswordHasher& hasher, access::LoginLimits& limits,
         LoginObserver observer);

  // `wanted`: the template of the body; `client`: the address it came from. Throws CimiError: 400
  // for a template that is not understood, 403, 429 for who has failed too often, 503 when too many
  // wait. A name nobody has is refused after the same time and in the same words as a wrong
  // password.
  awaitable<Login> log_in(nlohmann::json wanted, std::string client);

 private:
  awaitable<Login> by_password(nlohmann::json wanted, std::string client);
  awaitable<Login> by_api_key(nlohmann::json wanted, std::string client);
  void expect_no_wait(const std::string& name, const std::string& client);
  [[noreturn]] void refuse(const std::string& name, const std::string& client);
  void accept(const std::string& name);

  store::Store& store_;
  access::PasswordHasher& hasher_;
  access::LoginLimits& limits_;
  LoginObserver observer_;
};

}  // namespace jobengine::api::cimi
