// Who sent a request: the nuvla-authn-info header when it is trusted, else the session cookie, else
// nobody (spec 3.3).
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>

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

  // An unreadable, expired or logged-out cookie means anonymous.
  // `request` must outlive the wait.
  awaitable<Identity> identify(const http::Request& request);

  // Set-Cookie for a session of `identity` (its `session` is set) that ends at `expiry` (seconds
  // since 1970).
  enum class Transport { Plain, Tls };
  std::string cookie(const Identity& identity, std::int64_t expiry, Transport transport) const;
  // Set-Cookie that makes a browser forget it.
  static std::string cookie_for_nobody();
  // The session is gone: its cookie is worth nothing from now on.
  void forget(const std::string& session);

  std::chrono::seconds session_lifetime() const { return session_lifetime_; }

 private:
  awaitable<bool> session_holds(std::string session);
  // The session is there, and its user is not suspended.
  awaitable<bool> stands_in_store(std::string session);

  store::Store& store_;
  const SessionTokens tokens_;
  const AuthnHeader header_;
  const std::chrono::seconds session_lifetime_;
  std::mutex mutex_;
  // Sessions found good lately, and until when that is believed. Under the mutex.
  std::unordered_map<std::string, runtime::TimePoint> seen_;
};

}  // namespace jobengine::api::access
