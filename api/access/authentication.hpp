// Who sent a request: the nuvla-authn-info header when it is trusted, else the session cookie, else
// nobody (spec 3.3).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/access/identity.hpp"
#include "api/access/session_token.hpp"
#include "api/http/request.hpp"
#include "api/store/store.hpp"
#include "common/runtime/asio.hpp"

namespace jobengine::api::access {

enum class AuthnHeader { Ignored, Trusted };

// [any thread]; the store must outlive it.
class Authentication {
 public:
  Authentication(store::Store& store, std::string key, AuthnHeader header,
                 std::chrono::seconds session_lifetime);

  // An unreadable, expired or logged-out cookie means anonymous; so does one that a browser sends
  // along with what a page of another site asks for, since any method runs an operation. The
  // claims are those of the cookie, as far as the session still has them: who has left a group or
  // was suspended loses them within seconds.
  // `request` must outlive the wait.
  awaitable<Identity> identify(const http::Request& request);

  // Whether that identity would be found again now; for answers that go on for long.
  awaitable<bool> still_holds(Identity identity);

  // Set-Cookie for a session of `identity` (its `session` is set) that ends at `expiry` (seconds
  // since 1970).
  enum class Transport { Plain, Tls };
  std::string cookie(const Identity& identity, std::int64_t expiry, Transport transport) const;
  // Set-Cookie that makes a browser forget it.
  static std::string cookie_for_nobody();
  // Users, groups, keys or sessions have changed: what was known of sessions is looked up anew.
  void forget();
  // Only this one has changed.
  void forget(const std::string& session);

  std::chrono::seconds session_lifetime() const { return session_lifetime_; }

 private:
  using Claims = std::vector<std::string>;
  // What the session may act as; nothing when it has ended.
  awaitable<std::shared_ptr<const Claims>> claims_of(std::string session);

  // Whom a cookie vouches for, as long as its session's claims are these very ones.
  struct Vouched {
    Identity identity;
    std::shared_ptr<const Claims> held;
  };
  awaitable<std::shared_ptr<const Vouched>> vouched_by(std::string cookie);
  std::shared_ptr<const Vouched> remembered(const std::string& cookie);

  struct Seen {
    std::shared_ptr<const Claims> claims;
    runtime::TimePoint until;
  };

  store::Store& store_;
  const SessionTokens tokens_;
  const AuthnHeader header_;
  const std::chrono::seconds session_lifetime_;
  std::mutex mutex_;
  // Sessions found good lately, and until when that is believed. Under the mutex.
  std::unordered_map<std::string, Seen> seen_;
  // By the cookie, to spare its signature's check with every request. Under the mutex.
  std::unordered_map<std::string, std::shared_ptr<const Vouched>> vouched_;
  // Raised by forget(): what was read before it is not kept. Under the mutex.
  std::uint64_t changes_ = 0;
};

}  // namespace jobengine::api::access
